"""The demo as a user runs it: processes, pictures, table and JSON."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from console.demo.clip import default_clip
from shared_models.errors import InputError

ROOT = Path(__file__).resolve().parents[3]
SECONDS = 4.0
FPS = 5.0
RUN_S_MAX = 600.0


@pytest.mark.slow
def test_the_demo_runs_shows_and_counts(tmp_path: Path) -> None:
    try:
        default_clip()
    except InputError as error:
        pytest.skip(str(error))
    output, figures = tmp_path / "out", tmp_path / "figures.json"
    arguments = [
        "--seconds",
        str(SECONDS),
        "--fps",
        str(FPS),
        "--output",
        str(output),
        "--json",
        str(figures),
    ]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'proto'}"}
    done = subprocess.run(
        [sys.executable, "-m", "console", "demo", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=RUN_S_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stderr

    report = json.loads(figures.read_text())
    assert 0 < report["frames"] <= SECONDS * FPS
    assert report["end_to_end"]["p50_ms"] <= report["end_to_end"]["p95_ms"]
    base, full = report["layers"]
    assert 0 < base["bytes_per_frame"] < full["bytes_per_frame"]
    assert 15 < base["psnr_db"] < full["psnr_db"]
    assert {peer["codec"] for peer in base["peers"]} >= {"JPEG"}
    assert all(stage["p50_ms"] >= 0 for stage in report["stages"].values())
    for name in report["pictures"]:
        path = output / name
        assert path.stat().st_size > 0
        if path.suffix != ".mp4":
            with Image.open(path) as picture:
                picture.verify()
    for name in report["pictures"]:
        assert name in done.stdout
