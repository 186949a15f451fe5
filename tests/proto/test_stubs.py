"""The committed stubs are what the .proto files say."""

import importlib.util
from pathlib import Path

import pytest


def test_regenerating_the_stubs_changes_nothing() -> None:
    pytest.importorskip("grpc_tools", reason="grpcio-tools (extra `dev`) makes the stubs")
    spec = importlib.util.spec_from_file_location("regenerate", Path(__file__).with_name("regenerate.py"))
    assert spec is not None
    assert spec.loader is not None
    regenerate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(regenerate)
    assert regenerate.stale_files() == []
