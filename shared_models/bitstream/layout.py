"""The numbers of docs/bitstream.md in one place: versions, bit positions, marks of the `.slim` file."""

from typing import Final

PACKET_VERSION: Final = 1
QUALITY_BITS: Final = 12  # bits 0-11 of the codes field
MULTIPART_BIT: Final = 12
WIDTH_SHIFT: Final = 13

SLIM_MAGIC: Final = b"SLM1"
"""Opens every `.slim` file; the digit is the version of the container."""
END_MAGIC: Final = b"1MLS"
"""Closes a `.slim` file that has an index."""
FRAME_TAG: Final = 0x10
INDEX_TAG: Final = 0x20
LAYERS_MASK: Final = 0x07
CAPTURE_FLAG: Final = 0x08
