"""The pictures a demo leaves behind: annotated frames, a comparison, a contact sheet and a short video."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from shared_models.frames import Pixels
from shared_models.tasks.results import Detection

INK = (18, 20, 24)
PAPER = (246, 246, 242)
# One colour a class, by the class id: saturated enough to show on any street.
PALETTE = (
    (0, 168, 150), (242, 107, 33), (64, 120, 242), (232, 62, 140), (142, 202, 30),
    (250, 180, 20), (150, 90, 230), (20, 180, 230), (220, 60, 50), (90, 160, 90),
)  # fmt: skip


def font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return Pillow's built-in face at `size_px`."""
    return ImageFont.load_default(size=size_px)


def annotate(pixels: Pixels, detections: Sequence[Detection]) -> Image.Image:
    """Draw each box with its label and score, the surest last so that it stays on top."""
    picture = Image.fromarray(pixels).convert("RGB")
    draw = ImageDraw.Draw(picture)
    face = font(max(11, picture.height // 26))
    for found in sorted(detections, key=lambda d: d.score):
        colour = PALETTE[found.category_id % len(PALETTE)]
        box = (found.x_min, found.y_min, found.x_max, found.y_max)
        draw.rectangle(box, outline=colour, width=max(2, picture.height // 200))
        text = f"{found.label} {found.score:.2f}"
        left, top, right, bottom = draw.textbbox((found.x_min, found.y_min), text, font=face)
        lift = min(bottom - top + 4, found.y_min)  # above the box where there is room
        draw.rectangle((left, top - lift, right + 6, bottom - lift + 2), fill=colour)
        draw.text((found.x_min + 3, found.y_min - lift), text, fill=_ink_on(colour), font=face)
    return picture


def _ink_on(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return what reads well on a colour: dark where it is light, as people see it (ITU-R BT.601)."""
    red, green, blue = colour
    return INK if 0.299 * red + 0.587 * green + 0.114 * blue > 150 else (255, 255, 255)


def captioned(picture: Image.Image, caption: str) -> Image.Image:
    """Put a line of text under a picture."""
    face = font(max(15, picture.height // 18))
    bar = max(28, picture.height // 10)
    sheet = Image.new("RGB", (picture.width, picture.height + bar), PAPER)
    sheet.paste(picture)
    ImageDraw.Draw(sheet).text((8, picture.height + bar // 2), caption, fill=INK, font=face, anchor="lm")
    return sheet


def grid(pictures: Sequence[Image.Image], columns: int, gap_px: int = 8) -> Image.Image:
    """Lay pictures of one size out in rows."""
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    width, height = pictures[0].size
    sheet = Image.new("RGB", (columns * (width + gap_px) + gap_px, rows * (height + gap_px) + gap_px), PAPER)
    for index, picture in enumerate(pictures):
        row, column = divmod(index, columns)
        sheet.paste(picture, (gap_px + column * (width + gap_px), gap_px + row * (height + gap_px)))
    return sheet


def write_video(path: Path, pictures: Sequence[Image.Image], frames_per_second: float) -> None:
    """Write pictures of one size as an H.264 file that browsers play."""
    import av

    width, height = pictures[0].width & ~1, pictures[0].height & ~1
    rate = Fraction(frames_per_second).limit_denominator(1001)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "23", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for picture in pictures:
            pixels = np.asarray(picture)[:height, :width]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
