"""What the roles of one process share, made from the configuration."""

import asyncio
from importlib.metadata import PackageNotFoundError, version

from prometheus_client import CollectorRegistry

from cloud.bell import Bell
from cloud.broker import LocalBroker
from cloud.config import CloudConfig, Role
from cloud.directions import Directions
from cloud.live import LiveAgent, LiveAgents
from cloud.metrics import GatewayMetrics, WorkerMetrics
from cloud.models import Models
from cloud.paths.path import Path
from cloud.pictures import FULL_PATH, PREVIEW_PATH
from cloud.pulls import Pulls
from cloud.storage.store import Store
from runtime.clock import Clock
from runtime.credentials import Authenticator
from shared_models.codecs.backend import BackendOptions
from shared_models.errors import ConfigError


class Parts:
    """One of everything. Made inside the event loop that serves."""

    def __init__(
        self, config: CloudConfig, roles: frozenset[Role], store: Store, models: Models, clock: Clock
    ) -> None:
        """Make what is made in memory; raise ConfigError for credentials that cannot be read."""
        self.config = config
        self.roles = roles
        self.store = store
        self.models = models
        self.clock = clock
        self.registry = CollectorRegistry()
        self.gateway_metrics = GatewayMetrics(self.registry)
        self.worker_metrics = WorkerMetrics(self.registry)
        self.live = LiveAgents()
        self.pulls = Pulls(self.live, lambda outcome: self.gateway_metrics.pulls.labels(outcome).inc())
        self.directions = Directions(self.live)
        self.bell = Bell(asyncio.get_running_loop())
        self.broker = LocalBroker(config.worker.queue_frames)
        self.authenticator = Authenticator(config.security)

    def agent_left(self, agent: LiveAgent) -> None:
        """Tell whoever waits for an agent that it has gone."""
        self.pulls.fail_agent(agent)
        self.directions.fail_agent(agent)


def load_models(config: CloudConfig, roles: frozenset[Role]) -> Models:
    """Open the configured packages, with the paths that these roles need; raise ModelError or ConfigError."""
    worker_paths = config.worker.paths if Role.WORKER in roles else ()
    picture_paths = (PREVIEW_PATH, FULL_PATH) if Role.API in roles else ()
    backend = BackendOptions(providers=config.worker.providers, threads=config.worker.threads)
    paths = tuple(dict.fromkeys((*worker_paths, *picture_paths)))
    limits = config.limits.bitstream()
    models = Models.load(config.worker.models, paths, backend, limits, config.worker.bridges)
    for fingerprint in models.fingerprints:
        for name in worker_paths:
            _check_worker_path(models.path(fingerprint, name))
    return models


def software_name() -> str:
    """Return name and version, as the protocol says it."""
    try:
        return f"slimstream/{version('slimstream')}"
    except PackageNotFoundError:  # a checkout that is not installed
        return "slimstream/0+checkout"


def _check_worker_path(path: Path) -> None:
    if path.makes_pictures or path.needs_enhancement:
        raise ConfigError(
            f"worker.paths names {path.name}, which makes pictures on request; take it out of the list"
        )
