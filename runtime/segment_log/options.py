"""What an owner chooses about its segment log."""

from dataclasses import dataclass, field
from typing import Final

from runtime.segment_log.filesystem import Filesystem, LocalFilesystem
from shared_models.errors import ConfigError

SEGMENT_BYTES_MIN: Final = 4096
SEGMENT_BYTES_MAX: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class SegmentLogOptions:
    """Sizes and times of a segment log.

    Attributes:
        segment_bytes: a segment is closed before it grows beyond this; also the largest record.
        budget_bytes: what all segments together may take; None is unbounded. Eviction frees whole segments.
        sync_interval_s: appended data is on stable storage after this long even if nobody waits for it;
            None leaves it to `sync` and `append_durable`.
        unsynced_bytes_max: how much data may wait for a disk whose syncs fail, before appends are refused.
        filesystem: the disk; tests pass a failing one.
    """

    segment_bytes: int = 16 << 20
    budget_bytes: int | None = None
    sync_interval_s: float | None = 1.0
    unsynced_bytes_max: int = 64 << 20
    filesystem: Filesystem = field(default_factory=LocalFilesystem)

    def __post_init__(self) -> None:
        """Refuse sizes that cannot work together."""
        if not SEGMENT_BYTES_MIN <= self.segment_bytes <= SEGMENT_BYTES_MAX:
            raise ConfigError(
                f"segment_bytes is {self.segment_bytes}; choose {SEGMENT_BYTES_MIN} to {SEGMENT_BYTES_MAX}"
            )
        if self.budget_bytes is not None and self.budget_bytes < 2 * self.segment_bytes:
            raise ConfigError(
                f"budget_bytes is {self.budget_bytes}, less than two segments of {self.segment_bytes} bytes; "
                "raise the budget or lower segment_bytes"
            )
        if self.sync_interval_s is not None and self.sync_interval_s <= 0:
            raise ConfigError(
                f"sync_interval_s is {self.sync_interval_s}; it must be above 0, or None for never"
            )
        if self.unsynced_bytes_max <= 0:
            raise ConfigError(f"unsynced_bytes_max is {self.unsynced_bytes_max}; it must be above 0")
