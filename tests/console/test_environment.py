"""What is settled before libraries are imported."""

from pathlib import Path

from console.environment import cache_places, settle


def test_nobody_is_told_of_the_use_of_onnx_runtime_unless_the_user_wants_it() -> None:
    unset: dict[str, str] = {}
    settle(unset)
    assert unset["ORT_DISABLE_TELEMETRY"] == "1"
    chosen = {"ORT_DISABLE_TELEMETRY": "0"}
    settle(chosen)
    assert chosen["ORT_DISABLE_TELEMETRY"] == "0"


def test_compiled_code_has_a_private_place_where_nothing_else_is_writable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory can be made below a file")
    environment: dict[str, str] = {}
    settle(environment, (tmp_path / "file" / "__pycache__",))
    made = Path(environment["NUMBA_CACHE_DIR"])
    assert made.stat().st_mode & 0o777 == 0o700
    made.rmdir()


def test_numba_chooses_by_itself_where_it_can(tmp_path: Path) -> None:
    environment: dict[str, str] = {}
    settle(environment, (tmp_path / "not" / "there" / "yet",))
    assert "NUMBA_CACHE_DIR" not in environment


def test_a_directory_that_the_user_names_stays(tmp_path: Path) -> None:
    environment = {"NUMBA_CACHE_DIR": str(tmp_path)}
    settle(environment, (Path("/proc/nowhere"),))
    assert environment["NUMBA_CACHE_DIR"] == str(tmp_path)


def test_the_users_cache_is_where_the_desktop_says_or_in_the_home() -> None:
    assert cache_places({"XDG_CACHE_HOME": "/x"})[1] == Path("/x")
    assert cache_places({"HOME": "/h"})[1] == Path("/h/.cache")
