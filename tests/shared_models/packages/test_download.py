"""Files whose sum is known, fetched from servers that may be wrong, broken or gone."""

import fcntl
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared_models.errors import InputError, LinkError, PackageError
from shared_models.packages.download import ExpectedFile, download, import_file
from tests.shared_models.packages.file_server import FileServer, serving

DATA = bytes(range(256)) * 1200
EXPECTED = ExpectedFile("thing", len(DATA), hashlib.sha256(DATA).hexdigest())


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(FileServer(DATA)) as running:
        yield running


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "store" / "thing"


def part_of(target: Path) -> Path:
    return target.with_name("thing.part")


def test_a_file_arrives_whole_and_progress_is_told(server: FileServer, target: Path) -> None:
    told: list[int] = []
    download(server.url, target, EXPECTED, told.append)
    assert target.read_bytes() == DATA
    assert told == sorted(told)
    assert told[-1] == len(DATA)
    assert not part_of(target).exists()


def test_what_broke_off_is_resumed(server: FileServer, target: Path) -> None:
    server.breaks_after = 100_000
    with pytest.raises(LinkError, match=f"broke off with {len(DATA) - 100_000} bytes to come"):
        download(server.url, target, EXPECTED)
    assert not target.exists()
    download(server.url, target, EXPECTED)
    assert target.read_bytes() == DATA
    assert server.asked == [None, "bytes=100000-"]


def test_a_server_without_ranges_starts_again(server: FileServer, target: Path) -> None:
    server.knows_ranges, server.breaks_after = False, 1000
    with pytest.raises(LinkError):
        download(server.url, target, EXPECTED)
    download(server.url, target, EXPECTED)
    assert target.read_bytes() == DATA


@pytest.mark.parametrize("size", [10, len(DATA), len(DATA) + 5])
def test_an_old_part_that_is_wrong_costs_one_more_request(
    server: FileServer, target: Path, size: int
) -> None:
    target.parent.mkdir()
    part_of(target).write_bytes(b"x" * size)
    download(server.url, target, EXPECTED)
    assert target.read_bytes() == DATA


@pytest.mark.parametrize("data", [DATA[:-1] + b"x", DATA + b"x"], ids=["other", "longer"])
def test_another_file_is_removed(server: FileServer, target: Path, data: bytes) -> None:
    server.data = data
    with pytest.raises(PackageError, match=r"not the thing that is expected.*nothing was kept"):
        download(server.url, target, EXPECTED)
    assert not list(target.parent.iterdir())


def test_a_flood_is_cut_one_byte_beyond_what_is_expected(server: FileServer, target: Path) -> None:
    server.data = DATA * 20
    told: list[int] = []
    with pytest.raises(PackageError, match=f"{len(DATA) + 1} bytes instead of {len(DATA)}"):
        download(server.url, target, EXPECTED, told.append)
    assert max(told) == len(DATA)


def test_a_failed_fetch_leaves_the_file_that_was_there(server: FileServer, target: Path) -> None:
    target.parent.mkdir()
    target.write_bytes(b"before")
    server.data = b"wrong" * 100_000
    with pytest.raises(PackageError):
        download(server.url, target, EXPECTED)
    assert target.read_bytes() == b"before"


def test_a_server_that_says_no_is_quoted(server: FileServer, target: Path) -> None:
    server.status = 404
    with pytest.raises(LinkError, match=r"answers 404 Not Found; name another place with --url-base"):
        download(server.url, target, EXPECTED)


def test_an_unreachable_server_hints_at_importing(target: Path) -> None:
    with serving(FileServer(DATA)) as gone:
        pass
    with pytest.raises(LinkError, match=r"cannot be fetched: .*refused.*--model-file"):
        download(gone.url, target, EXPECTED)


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://host/x", "thing"])
def test_only_http_is_spoken(url: str, target: Path) -> None:
    with pytest.raises(InputError, match="not an http or https address"):
        download(url, target, EXPECTED)


def test_two_processes_do_not_write_one_part(server: FileServer, target: Path) -> None:
    target.parent.mkdir()
    with part_of(target).open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(LinkError, match="another process is writing"):
            download(server.url, target, EXPECTED)


def test_a_local_file_is_imported_and_another_one_is_not(tmp_path: Path, target: Path) -> None:
    local = tmp_path / "local"
    local.write_bytes(DATA)
    import_file(local, target, EXPECTED)
    assert target.read_bytes() == DATA
    local.write_bytes(DATA[::-1])
    with pytest.raises(InputError, match="has the SHA-256"):
        import_file(local, target, EXPECTED)
    with pytest.raises(InputError, match="there is no file"):
        import_file(tmp_path / "none", target, EXPECTED)
    assert target.read_bytes() == DATA
