"""`slimstream pull`: what is asked, what is said, and the one sentence when it cannot be had."""

import hashlib
import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import grpc
import pytest
from PIL import Image
from typer.testing import CliRunner

from console.pull import app, read_quality, read_time_ns
from shared_models.errors import InputError, LinkError, NotHeldError, RefusedError, StorageError
from slimstream.v1 import control_pb2 as control
from slimstream.v1.control_pb2_grpc import FramesServiceServicer, add_FramesServiceServicer_to_server
from slimstream.v1.frame_pb2 import LAYER_BASE, LAYER_ENHANCEMENT, LAYER_SOURCE, CaptureTime, FrameId
from tests.places import reserved_port

runner = CliRunner()


class ScriptedFrames(FramesServiceServicer):
    """Answers what a test has laid out, and keeps the requests."""

    def __init__(self) -> None:
        self.requests: list[control.GetRequest] = []
        self.answer = control.GetResponse(
            frame=FrameId(camera="gate", epoch=1, seq=12),
            time=CaptureTime(capture_ns=1_700_000_000 * 10**9),
            picture=b"a picture",
            media_type="image/png",
            width=640,
            height=480,
            layers=[
                control.LayerCost(layer=LAYER_BASE, bytes=1800),
                control.LayerCost(layer=LAYER_ENHANCEMENT, bytes=40_000, is_fetched=True),
            ],
            psnr_db=36.25,
        )
        self.refusal: tuple[grpc.StatusCode, str, control.FrameNotHeld | None] | None = None

    def Get(self, request, context):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, N802
        self.requests.append(request)
        if self.refusal is not None:
            code, detail, not_held = self.refusal
            if not_held is not None:
                context.set_trailing_metadata((("slimstream-not-held-bin", not_held.SerializeToString()),))
            context.abort(code, detail)
        return self.answer

    def List(self, request, context):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, N802
        raise NotImplementedError

    def Export(self, request, context):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, N802
        raise NotImplementedError


@pytest.fixture
def served() -> Iterator[tuple[ScriptedFrames, str]]:
    frames = ScriptedFrames()
    server = grpc.server(ThreadPoolExecutor(2))
    add_FramesServiceServicer_to_server(frames, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield frames, f"127.0.0.1:{port}"
    server.stop(None).wait()


def test_the_picture_is_written_and_each_layer_says_what_it_cost_and_where_it_came_from(
    served: tuple[ScriptedFrames, str], tmp_path: Path
) -> None:
    frames, server = served
    file = tmp_path / "gate.png"
    arguments = ["gate", "--seq", "12", "--quality", "full", "-o", str(file), "--server", server]
    done = runner.invoke(app, arguments)
    assert done.exit_code == 0, done.exception
    assert file.read_bytes() == b"a picture"
    assert "1,800 bytes, stored in the cloud" in done.stdout
    assert "40,000 bytes, fetched from the edge now" in done.stdout
    assert "36.25 dB" in done.stdout
    assert frames.requests[0].quality.full
    assert frames.requests[0].frame.seq == 12


def test_a_script_gets_one_json_object(served: tuple[ScriptedFrames, str], tmp_path: Path) -> None:
    _, server = served
    arguments = ["gate", "--newest", "-o", str(tmp_path / "x.png"), "--server", server, "--json"]
    report = json.loads(runner.invoke(app, arguments).stdout)
    assert report["fetched_bytes"] == 40_000
    assert report["captured"] == "2023-11-14T22:13:20.000+00:00"
    assert [layer["origin"] for layer in report["layers"]] == ["cloud", "edge"]


def kept_jpeg() -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(out, "JPEG")
    return out.getvalue()


def source_answer(jpeg: bytes) -> control.GetResponse:
    frame = FrameId(camera="gate", epoch=1, seq=12)
    cost = control.LayerCost(layer=LAYER_SOURCE, bytes=len(jpeg), is_fetched=True)
    digest = hashlib.sha256(jpeg).digest()
    return control.GetResponse(
        frame=frame, picture=jpeg, media_type="image/jpeg", layers=[cost], source_sha256=digest
    )


def test_a_source_named_jpg_is_kept_byte_for_byte(served: tuple[ScriptedFrames, str], tmp_path: Path) -> None:
    frames, server = served
    jpeg = kept_jpeg()
    frames.answer = source_answer(jpeg)
    file = tmp_path / "gate.jpg"
    arguments = ["gate", "--seq", "12", "--quality", "source", "-o", str(file), "--server", server, "--json"]
    report = json.loads(runner.invoke(app, arguments).stdout)
    assert file.read_bytes() == jpeg
    assert report["source_sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert (report["media_type"], report["is_converted"]) == ("image/jpeg", False)


def test_a_source_named_png_is_converted_and_says_so(
    served: tuple[ScriptedFrames, str], tmp_path: Path
) -> None:
    frames, server = served
    jpeg = kept_jpeg()
    frames.answer = source_answer(jpeg)
    file = tmp_path / "gate.png"
    arguments = ["gate", "--seq", "12", "--quality", "source", "-o", str(file), "--server", server]
    done = runner.invoke(app, arguments)
    assert done.exit_code == 0, done.exception
    assert "converted to PNG from the kept JPEG" in done.stdout
    with Image.open(file) as made, Image.open(io.BytesIO(jpeg)) as kept:
        assert made.format == "PNG"
        assert made.tobytes() == kept.convert("RGB").tobytes()


def test_a_damaged_source_is_not_converted_and_the_remedy_is_named(
    served: tuple[ScriptedFrames, str], tmp_path: Path
) -> None:
    frames, server = served
    frames.answer = source_answer(kept_jpeg()[:40])
    file = tmp_path / "gate.png"
    arguments = ["gate", "--seq", "12", "--quality", "source", "-o", str(file), "--server", server]
    done = runner.invoke(app, arguments)
    assert isinstance(done.exception, StorageError)
    assert "name the file .jpg" in str(done.exception)
    assert not file.exists()


@pytest.mark.parametrize(
    ("code", "kind", "sentence"),
    [
        (grpc.StatusCode.NOT_FOUND, NotHeldError, "too old (nearest: --seq 30, 31; a preview of this frame"),
        (grpc.StatusCode.PERMISSION_DENIED, RefusedError, "refused: too old"),
        (grpc.StatusCode.UNAVAILABLE, LinkError, "could not answer: too old"),
        (grpc.StatusCode.INVALID_ARGUMENT, InputError, "too old"),
    ],
)
def test_each_refusal_is_one_sentence_and_nothing_is_written(
    served: tuple[ScriptedFrames, str],
    tmp_path: Path,
    code: grpc.StatusCode,
    kind: type[Exception],
    sentence: str,
) -> None:
    frames, server = served
    nearest = [FrameId(camera="gate", epoch=1, seq=seq) for seq in (30, 31)]
    frames.refusal = (code, "too old", control.FrameNotHeld(nearest=nearest, has_preview=True))
    file = tmp_path / "x.png"
    done = runner.invoke(app, ["gate", "--seq", "1", "-o", str(file), "--server", server])
    assert isinstance(done.exception, kind)
    assert sentence in str(done.exception)
    assert not file.exists()


def test_a_cloud_that_is_not_there_is_said_to_be_not_there() -> None:
    with reserved_port() as port:
        done = runner.invoke(app, ["gate", "--newest", "--server", f"127.0.0.1:{port}"])
    assert isinstance(done.exception, LinkError)
    assert f"no cloud answers at 127.0.0.1:{port}" in str(done.exception)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--seq", "1", "--newest"],
        ["--at", "yesterday"],
        ["--newest", "--quality", "best"],
        ["--newest", "--quality", "101"],
        ["--newest", "--quality", "nan"],
        ["--newest", "-o", "x.jpg"],
        ["--newest", "--quality", "source", "-o", "x.webp"],
    ],
)
def test_options_that_mean_nothing_are_refused_before_anything_is_asked(arguments: list[str]) -> None:
    done = runner.invoke(app, ["gate", *arguments, "--server", "127.0.0.1:1"])
    assert isinstance(done.exception, InputError)


def test_times_are_unix_seconds_or_iso_8601() -> None:
    assert read_time_ns("1700000000.5") == 1_700_000_000_500_000_000
    assert read_time_ns("2023-11-14T22:13:20+00:00") == 1_700_000_000 * 10**9
    local = datetime(2023, 11, 14, 12, tzinfo=UTC).astimezone().replace(tzinfo=None)
    assert read_time_ns(local.isoformat()) == 1_699_963_200 * 10**9


def test_qualities_are_words_or_numbers() -> None:
    assert read_quality("source").source
    assert read_quality("62.5").level == 62.5
