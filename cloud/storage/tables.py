"""The index's tables, in SQLAlchemy Core: SQLite here, PostgreSQL by the same statements.

Every row but those of `cameras`, `coverage` and `segments` locates one record: `segment` and `offset` of the
log it is in. Bytes are never here; `catch_up.py` builds all of it again from the records' keys.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

SCHEMA_VERSION: Final = 2
"""An index of another version is set aside and built again."""

metadata = MetaData()

cameras = Table(
    "cameras",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("agent", String(64), nullable=False),
)

frames = Table(
    "frames",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("camera_id", ForeignKey("cameras.id"), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("capture_ns", BigInteger, nullable=False),  # the device's wall clock, Unix time
    Column(
        "moment_ns", BigInteger, nullable=False
    ),  # the same on the cloud's clock, as well as that is known
    Column("monotonic_ns", BigInteger, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("model", LargeBinary(8), nullable=False),
    Column("base_bytes", Integer, nullable=False),
    Column("segment", Integer, nullable=False, index=True),
    Column("offset", Integer, nullable=False),
    UniqueConstraint("camera_id", "epoch", "seq"),
    Index("frames_by_time", "camera_id", "capture_ns"),
    Index("frames_by_moment", "camera_id", "moment_ns"),
)

layers = Table(  # pulled from the edge: enhancement packets and source files
    "layers",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("camera_id", ForeignKey("cameras.id"), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("layer", Integer, nullable=False),  # slimstream.v1.Layer
    Column("quality_code", Integer, nullable=False),  # quality times 32; 0 for files
    Column("layer_bytes", Integer, nullable=False),
    Column("psnr_db", Float),
    Column("preview_psnr_db", Float),
    Column("segment", Integer, nullable=False, index=True),
    Column("offset", Integer, nullable=False),
    UniqueConstraint("camera_id", "epoch", "seq", "layer", "quality_code"),
)

gaps = Table(
    "gaps",
    metadata,
    Column("gap_id", LargeBinary(16), primary_key=True),
    Column("camera_id", ForeignKey("cameras.id"), nullable=False),
    Column("start_ns", BigInteger, nullable=False),
    Column("end_ns", BigInteger, nullable=False),
    Column("message", LargeBinary, nullable=False),  # slimstream.v1.Gap: small, and always wanted whole
    Column("segment", Integer, nullable=False, index=True),
    Column("offset", Integer, nullable=False),
    Index("gaps_by_time", "camera_id", "start_ns"),
)

coverage = Table(  # which seqs of an epoch are stored or explained, as closed intervals that do not touch
    "coverage",
    metadata,
    Column("camera_id", ForeignKey("cameras.id"), primary_key=True),
    Column("epoch", BigInteger, primary_key=True),
    Column("first_seq", BigInteger, primary_key=True),
    Column("last_seq", BigInteger, nullable=False),
)

results = Table(
    "results",
    metadata,
    Column("cursor", BigInteger, primary_key=True, autoincrement=False),
    Column("camera_id", ForeignKey("cameras.id"), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("path", String(64), nullable=False),
    Column("capture_ns", BigInteger, nullable=False),
    Column("segment", Integer, nullable=False, index=True),
    Column("offset", Integer, nullable=False),
    UniqueConstraint("camera_id", "epoch", "seq", "path"),
    Index("results_by_time", "camera_id", "capture_ns"),
)

failures = Table(
    "failures",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("camera_id", ForeignKey("cameras.id"), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("path", String(64), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("segment", Integer, nullable=False, index=True),
    Column("offset", Integer, nullable=False),
    UniqueConstraint("camera_id", "epoch", "seq", "path"),
)

segments = Table(  # how many records of each segment the index knows; fewer than the log holds: catch up
    "segments",
    metadata,
    Column("log", String(16), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("records", Integer, nullable=False),
)

LOCATED: Final = {"packets": (frames, layers, gaps), "results": (results, failures)}
"""Tables whose rows locate records, by the log that the records are in."""
