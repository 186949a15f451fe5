"""Fail when regenerating the protocol stubs would change a committed file: `make proto-check`."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

PROTO_ROOT = Path(__file__).resolve().parents[2] / "proto"
PROTOS = sorted(path.relative_to(PROTO_ROOT) for path in PROTO_ROOT.rglob("*.proto"))


def stale_files() -> list[str]:
    """Return the generated files that differ from, or are missing beside, what protoc makes now."""
    with tempfile.TemporaryDirectory() as made:
        outputs = [f"--{kind}_out={made}" for kind in ("python", "mypy", "grpc_python", "mypy_grpc")]
        search = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO_ROOT}", *outputs, *map(str, PROTOS)]
        subprocess.run(command, check=True, cwd=PROTO_ROOT, env=search, stderr=subprocess.DEVNULL)
        fresh = {path.relative_to(made): path.read_bytes() for path in Path(made).rglob("*_pb2*.py*")}
    kept = {path.relative_to(PROTO_ROOT): path.read_bytes() for path in PROTO_ROOT.rglob("*_pb2*.py*")}
    kept = {path: data for path, data in kept.items() if "__pycache__" not in path.parts}
    return sorted(str(path) for path in fresh.keys() | kept.keys() if fresh.get(path) != kept.get(path))


if __name__ == "__main__":
    if stale := stale_files():
        sys.exit(f"generated code is not current: {', '.join(stale)}; run `make proto` and commit the result")
