"""The agent's configuration: defaults under every camera, mistakes named with their line."""

from pathlib import Path

import pytest

from edge.config import ENV_PREFIX, AgentConfig
from edge.config_camera import FileSource, RtspSource
from edge.session import BufferPolicy
from runtime.config import dump_config, load_config
from shared_models.errors import ConfigError

YAML = """\
agent: gate-house
ring: {directory: /tmp/ring}
defaults:
  frames_per_second: 2
  buffer: newest
  gate: {threshold: 0.05}
cameras:
  front:
    source: {kind: rtsp, url: "rtsp://user:secret@10.0.0.7/stream1"}
    gate: {hold_s: 3s}
    masks:
      - rectangle: [0, 0, 0.5, 1]
  clip:
    source: {kind: file, path: a.mp4, realtime: false}
    frames_per_second: 25
"""


def load(tmp_path: Path, *changes: tuple[str, str], **environment: str) -> AgentConfig:
    text = YAML
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "edge.yaml"
    path.write_text(text)
    return load_config(AgentConfig, path, env_prefix=ENV_PREFIX, environment=environment)


def test_a_camera_has_the_defaults_section_by_section_unless_it_says_otherwise(tmp_path: Path) -> None:
    config = load(tmp_path)
    front, clip = config.cameras["front"], config.cameras["clip"]
    assert (front.frames_per_second, clip.frames_per_second) == (2, 25)
    assert (front.gate.threshold, front.gate.hold_s) == (0.05, 3.0)
    assert (front.buffer, front.long_side_px) == (BufferPolicy.NEWEST, 640)
    assert isinstance(front.source, RtspSource)
    assert isinstance(clip.source, FileSource)
    assert (front.is_live, clip.is_live) == (True, False)


def test_a_rectangle_is_its_four_corners(tmp_path: Path) -> None:
    (mask,) = load(tmp_path).cameras["front"].masks
    assert mask.outline == ((0, 0), (0.5, 0), (0.5, 1), (0, 1))


def test_the_environment_sets_any_key_and_reaches_every_camera(tmp_path: Path) -> None:
    config = load(
        tmp_path, SLIMSTREAM_EDGE__RING__BUDGET_BYTES="1GiB", SLIMSTREAM_EDGE__DEFAULTS__QUALITY="20"
    )
    assert config.ring.budget_bytes == 1 << 30
    assert [camera.quality for camera in config.cameras.values()] == [20, 20]


def test_passwords_are_not_printed(tmp_path: Path) -> None:
    assert "secret" not in dump_config(load(tmp_path))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("frames_per_second: 2\n", "frame_rate: 2\n", r"edge.yaml:4: unknown key defaults.frame_rate"),
        ("hold_s: 3s", "hold: 3s", r"edge.yaml:10: unknown key cameras.front.gate.hold; did you mean hold_s"),
        ("[0, 0, 0.5, 1]", "[0.5, 0, 0.1, 1]", r"left < right and top < bottom"),
        ("[0, 0, 0.5, 1]", "[0, 0, 1.5, 1]", r"cameras.front.masks\[0\].rectangle"),
        ("kind: file", "kind: film", r"cameras.clip.source"),
        ("rtsp://user", "http://user", r"cameras.front.source.url"),
        ("  clip:", "  'a clip':", r"a clip"),
        ("  clip:", "  FRONT:", r"differ in case only"),
        ("{directory: /tmp/ring}", "{directory: /tmp/ring, budget_bytes: 4MiB}", r"less than eight segments"),
        (
            "frames_per_second: 25",
            "frames_per_second: 0",
            r"edge.yaml:15: cameras.clip.frames_per_second",
        ),
    ],
)
def test_a_mistake_is_one_sentence_with_its_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load(tmp_path, (old, new))
    assert len(str(caught.value).splitlines()) == 1
    assert "secret" not in str(caught.value)


def test_an_agent_without_cameras_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "edge.yaml"
    path.write_text("agent: a\n")
    with pytest.raises(ConfigError, match="cameras is missing"):
        load_config(AgentConfig, path, env_prefix=ENV_PREFIX, environment={})
