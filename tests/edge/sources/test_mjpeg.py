"""HTTP cameras: parts cut anywhere, servers that stall, refuse or lie."""

import contextlib
import hashlib
import http.server
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.sources.mjpeg import MjpegSource
from edge.sources.mjpeg_parts import HEADER_BYTES_MAX, PICTURE_BYTES_MAX, PartReader, boundary_of
from shared_models.errors import SourceError
from tests.edge.sources.media import index_of, jpeg_of, striped
from tests.edge.waiting import LIMIT_S
from tests.places import reserved_port

pictures = st.lists(st.binary(min_size=1, max_size=60).filter(lambda data: b"--edge" not in data), max_size=6)


def stream_of(bodies: list[bytes], has_length: bool) -> bytes:
    parts = []
    for body in bodies:
        length = b"Content-Length: %d\r\n" % len(body) if has_length else b""
        parts.append(b"--edge\r\nContent-Type: image/jpeg\r\n" + length + b"\r\n" + body + b"\r\n")
    return b"".join(parts) + b"--edge"


@given(bodies=pictures, has_length=st.booleans(), chunk_bytes=st.integers(1, 50))
def test_any_cutting_of_the_bytes_gives_the_same_pictures(
    bodies: list[bytes], has_length: bool, chunk_bytes: int
) -> None:
    stream = stream_of(bodies, has_length)
    reader = PartReader(b"--edge")
    chunks = [stream[i : i + chunk_bytes] for i in range(0, len(stream), chunk_bytes)]
    assert [picture for chunk in chunks for picture in reader.receive_data(chunk)] == bodies


@given(data=st.binary(max_size=300))
def test_any_bytes_give_pictures_or_one_clear_error(data: bytes) -> None:
    with contextlib.suppress(SourceError):
        assert isinstance(PartReader(b"--edge").receive_data(data), list)


def test_what_a_broken_camera_makes_us_hold_is_bounded() -> None:
    with pytest.raises(SourceError, match="part header"):
        PartReader(b"--edge").receive_data(bytes(HEADER_BYTES_MAX + 1))
    with pytest.raises(SourceError, match="announced a picture"):
        PartReader(b"--edge").receive_data(b"--edge\r\nContent-Length: 999999999\r\n\r\n")
    with pytest.raises(SourceError, match="more than"):
        PartReader(b"--edge").receive_data(b"--edge\r\n\r\n" + bytes(PICTURE_BYTES_MAX + 1))


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/x-mixed-replace;boundary=edge", b"--edge"),
        ('multipart/x-mixed-replace; boundary="--edge"', b"--edge"),
    ],
)
def test_the_boundary_is_found_however_a_camera_writes_it(content_type: str, boundary: bytes) -> None:
    assert boundary_of(content_type) == boundary


def test_an_answer_that_is_no_stream_is_refused() -> None:
    with pytest.raises(SourceError, match="text/html"):
        boundary_of("text/html; charset=utf-8")


@contextmanager
def camera(answer: Callable[[http.server.BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """An HTTP server on loopback that answers every request with `answer`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://user:secret@127.0.0.1:{server.server_port}/video"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def start_stream(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "multipart/x-mixed-replace; boundary=edge")
    handler.end_headers()


def test_pictures_come_and_a_closed_connection_is_an_error() -> None:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        start_stream(handler)
        handler.wfile.write(stream_of([jpeg_of(striped(4))], has_length=True))

    with camera(answer) as url:
        source = MjpegSource(url, LIMIT_S)
        grab = source.grab()
        assert grab is not None
        assert index_of(grab.picture(640)) == 4
        with pytest.raises(SourceError, match="closed the connection") as caught:
            source.grab()
        source.close()
    assert "secret" not in str(caught.value)


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def proves_digest(header: str) -> bool:
    """Whether a Digest answer proves that its sender knows the password, as RFC 7616 computes it."""
    said = dict(re.findall(r'(\w+)="?([^",]+)"?', header))
    login, request = md5("user:cam:secret"), md5(f"GET:{said['uri']}")
    proof = md5(f"{login}:{said['nonce']}:{said['nc']}:{said['cnonce']}:{said['qop']}:{request}")
    return bool(said["response"] == proof)


@pytest.mark.parametrize("scheme", ["Basic", "Digest"])
def test_the_password_is_sent_when_it_is_asked_for_and_as_it_is_asked_for(scheme: str) -> None:
    sent: list[str | None] = []
    challenge = {"Basic": 'Basic realm="cam"', "Digest": 'Digest realm="cam", nonce="abc", qop="auth"'}

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        sent.append(handler.headers["Authorization"])
        if sent[-1] is None:
            handler.send_response(401)
            handler.send_header("WWW-Authenticate", challenge[scheme])
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        start_stream(handler)

    with camera(answer) as url:
        MjpegSource(url, LIMIT_S).close()
    assert sent[0] is None
    assert sent[1] is not None
    assert sent[1].startswith(scheme)
    assert scheme == "Basic" or proves_digest(sent[1])


def test_of_pictures_that_waited_only_the_newest_is_given() -> None:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        start_stream(handler)
        handler.wfile.write(stream_of([jpeg_of(striped(i)) for i in range(5)], has_length=True))

    with camera(answer) as url:
        source = MjpegSource(url, LIMIT_S)
        last = None
        while True:
            try:
                grab = source.grab()
            except SourceError:
                break
            assert grab is not None
            last = index_of(grab.picture(640))
        source.close()
    assert last == 4


def test_a_camera_that_goes_silent_is_noticed() -> None:
    release = threading.Event()

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        start_stream(handler)
        release.wait()

    try:
        # On a machine that is busier than this is long, it is the opening that times out.
        with camera(answer) as url, pytest.raises(SourceError, match="timed out"):
            MjpegSource(url, 0.2).grab()
    finally:
        release.set()


def test_a_camera_that_says_no_or_is_not_there_is_one_sentence() -> None:
    with camera(lambda handler: handler.send_error(401)) as url, pytest.raises(SourceError, match="401"):
        MjpegSource(url, LIMIT_S)
    with reserved_port() as port, pytest.raises(SourceError, match="cannot be opened"):
        MjpegSource(f"http://127.0.0.1:{port}/video", LIMIT_S)


def test_a_damaged_picture_costs_itself() -> None:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        start_stream(handler)
        handler.wfile.write(stream_of([b"no jpeg"], has_length=True))

    with camera(answer) as url:
        source = MjpegSource(url, LIMIT_S)
        grab = source.grab()
        assert grab is not None
        with pytest.raises(SourceError, match="cannot be decoded"):
            grab.picture(640)
        source.close()
