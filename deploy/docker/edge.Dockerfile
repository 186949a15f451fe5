# syntax=docker/dockerfile:1
# The edge agent. Build it from the root of the repository:
#   docker build -f deploy/docker/edge.Dockerfile -t slimstream-edge .
# Jetson, NVIDIA GPUs and other base images: deploy/README.md.
ARG BASE_IMAGE=python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS build
# `edge` brings ONNX Runtime for CPUs, `edge-gpu` the one for x86-64 with CUDA. On a Jetson say `link,media`: its
# ONNX Runtime is part of the base image.
ARG EXTRAS=edge
# `--system-site-packages` where the base image carries packages to keep, as on a Jetson.
ARG VENV_OPTIONS=
SHELL ["/bin/sh", "-eu", "-c"]
# Python where the base image has none; its distribution decides the patch version.
# hadolint ignore=DL3008
RUN python3 -c 'import ensurepip' \
    || { apt-get update && apt-get install --yes --no-install-recommends python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*; }
WORKDIR /build
COPY . .
# hadolint ignore=SC2086
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 -m venv ${VENV_OPTIONS} /opt/slimstream \
    && /opt/slimstream/bin/pip install --disable-pip-version-check --no-compile -c constraints.txt ".[${EXTRAS}]"

FROM ${BASE_IMAGE}
SHELL ["/bin/sh", "-eu", "-c"]
# hadolint ignore=DL3008
RUN command -v python3 >/dev/null \
    || { apt-get update && apt-get install --yes --no-install-recommends python3 && rm -rf /var/lib/apt/lists/*; }
# The group `video` may open /dev/video*.
RUN groupadd --gid 10001 slimstream \
    && useradd --uid 10001 --gid slimstream --groups video --no-create-home --shell /usr/sbin/nologin slimstream \
    && install -d -o slimstream -g slimstream -m 0750 /var/lib/slimstream /var/cache/slimstream
COPY --from=build /opt/slimstream /opt/slimstream
ENV PATH=/opt/slimstream/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    NUMBA_CACHE_DIR=/var/cache/slimstream \
    OMP_WAIT_POLICY=PASSIVE \
    ORT_DISABLE_TELEMETRY=1
USER 10001:10001
VOLUME ["/var/lib/slimstream"]
EXPOSE 9464
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9464/metrics', timeout=4)"]
ENTRYPOINT ["slimstream"]
CMD ["edge", "--config", "/etc/slimstream/edge.yaml"]
