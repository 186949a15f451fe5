"""Draw docs/figures/rate-accuracy.svg from benchmarks/results/rate_accuracy.jsonl.

The results are measured by `python -m shared_models.evaluation.rate_accuracy --peers` on labelled pictures
that are not part of the project; this only draws them.
"""

import json
import math
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "rate_accuracy.jsonl"
FIGURE = ROOT / "docs" / "figures" / "rate-accuracy.svg"

WIDTH, HEIGHT = 760, 430
LEFT, RIGHT, TOP, BOTTOM = 70, 24, 56, 58
BYTES_MIN, BYTES_MAX = 320, 16000
TICKS_BYTES = (500, 1000, 2000, 4000, 8000, 16000)
# Name in the results -> what the figure says, and its colour.
CURVES = {
    "slim w1 bridge": ("slim, through a bridge", "#128a78"),
    "slim w1 built-in": ("slim, built-in detector", "#7fc4b8"),
    "WEBP": ("WebP", "#3a66c4"),
    "AVIF": ("AVIF", "#d9622b"),
    "JPEG": ("JPEG", "#8a8f9c"),
}


def x_of(size: float) -> float:
    share = math.log(size / BYTES_MIN) / math.log(BYTES_MAX / BYTES_MIN)
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def y_of(share: float) -> float:
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def axes() -> list[str]:
    lines = []
    for percent in range(0, 101, 20):
        y = y_of(percent / 100)
        lines.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#e3e5ea"/>')
        lines.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{percent}</text>')
    for size in TICKS_BYTES:
        x = x_of(size)
        lines.append(f'<path d="M{x:.1f} {HEIGHT - BOTTOM}v5" stroke="#5b6475"/>')
        lines.append(
            f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{size / 1000:g} kB</text>'
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    lines.append(
        f'<text x="{middle}" y="{HEIGHT - 14}" text-anchor="middle">bytes a picture, all of them</text>'
    )
    return lines


def curve(name: str, points: list[tuple[float, float]]) -> list[str]:
    label, colour = CURVES[name]
    seen = sorted(p for p in points if BYTES_MIN <= p[0] <= BYTES_MAX)
    place = " L".join(f"{x_of(size):.1f} {y_of(share):.1f}" for size, share in seen)
    weight = 3 if name.startswith("slim") else 2
    lines = [f'<path d="M{place}" fill="none" stroke="{colour}" stroke-width="{weight}"/>']
    lines += [
        f'<circle cx="{x_of(size):.1f}" cy="{y_of(share):.1f}" r="3.5" fill="{colour}"/>'
        for size, share in seen
    ]
    row = list(CURVES).index(name)
    y = HEIGHT - BOTTOM - 18 - 18 * (len(CURVES) - 1 - row)
    lines.append(f'<path d="M{WIDTH - RIGHT - 190} {y - 4}h22" stroke="{colour}" stroke-width="{weight}"/>')
    lines.append(f'<text x="{WIDTH - RIGHT - 162}" y="{y}">{label}</text>')
    return lines


def draw(rows: list[dict[str, Any]]) -> str:
    whole = next(row["AP"] for row in rows if row["codec"] == "pixels")
    pictures = rows[0]["pictures"]
    body = axes()
    for name in CURVES:
        points = [(row["bytes_mean"], row["AP"] / whole) for row in rows if row["codec"] == name]
        if points:
            body += curve(name, points)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-size="13" '
            'font-family="Inter, Helvetica, Arial, sans-serif" fill="#1f2430" role="img" '
            'aria-label="Share of the detection accuracy on pixels that is kept, against bytes a picture">',
            f'<rect width="{WIDTH}" height="{HEIGHT}" rx="12" fill="#fbfbf9"/>',
            f'<text x="{LEFT}" y="26" font-size="16" font-weight="600">How much a detector still sees</text>',
            f'<text x="{LEFT}" y="44" fill="#5b6475">% of YOLOX-nano’s mAP on pixels, {pictures} COCO val2017 '
            "pictures at 416 px</text>",
            *body,
            "</svg>\n",
        ]
    )


if __name__ == "__main__":
    FIGURE.write_text(draw([json.loads(line) for line in RESULTS.read_text().splitlines()]))
    print(FIGURE.relative_to(ROOT))
