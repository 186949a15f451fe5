"""What a process says about itself, and what it never says."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from runtime.logs import LogFormat, LogLevel, configure_logs, get_logger


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_events_are_json_where_nobody_watches() -> None:
    stream = io.StringIO()
    configure_logs(stream=stream)
    get_logger("edge.uplink").info("frame_sent", seq=42, payload_bytes=1830)
    (event,) = lines(stream)
    assert event.pop("timestamp")
    assert event == {
        "part": "edge.uplink", "event": "frame_sent", "level": "info", "seq": 42, "payload_bytes": 1830,
    }  # fmt: skip


def test_events_are_lines_of_text_for_people() -> None:
    stream = io.StringIO()
    configure_logs(log_format=LogFormat.HUMAN, stream=stream)
    get_logger("edge").warning("camera_lost", camera="gate")
    assert "camera_lost" in stream.getvalue()
    assert "camera=gate" in stream.getvalue()


def test_the_level_decides_what_is_said() -> None:
    stream = io.StringIO()
    configure_logs(level=LogLevel.WARNING, stream=stream)
    get_logger("edge").info("frame_sent")
    get_logger("edge").error("disk_failed")
    assert [event["event"] for event in lines(stream)] == ["disk_failed"]


def test_libraries_speak_through_the_same_stream() -> None:
    stream = io.StringIO()
    configure_logs(stream=stream)
    logging.getLogger("some.library").warning("odd thing: %d", 3)
    assert [event["event"] for event in lines(stream)] == ["odd thing: 3"]


@pytest.mark.parametrize("log_format", [LogFormat.JSON, LogFormat.HUMAN])
def test_secrets_never_reach_the_log(log_format: LogFormat) -> None:
    stream = io.StringIO()
    configure_logs(log_format=log_format, stream=stream)
    token = "s3cret"
    try:
        raise RuntimeError("no route")
    except RuntimeError:
        get_logger("edge").exception("link_failed", token=token, url=f"rtsp://admin:{token}@10.0.0.7/live")
    assert token not in stream.getvalue()
    assert "no route" in stream.getvalue()
    assert "rtsp://admin:********@10.0.0.7/live" in stream.getvalue()
