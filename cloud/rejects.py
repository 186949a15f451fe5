"""Messages that are refused: why, and how many a peer may send before it is cut."""

from enum import StrEnum
from typing import Final

from shared_models.errors import BitstreamError, LinkError

_NS_PER_S: Final = 1_000_000_000


class RejectReason(StrEnum):
    """Why a message was refused, as metrics, logs and `Reject.reason` name it."""

    MESSAGE_MALFORMED = "message_malformed"
    MESSAGE_EMPTY = "message_empty"
    MESSAGE_TOO_LARGE = "message_too_large"
    METHOD_UNKNOWN = "method_unknown"
    UNAUTHENTICATED = "unauthenticated"
    HELLO_MISSING = "hello_missing"
    HELLO_REPEATED = "hello_repeated"
    HELLO_INVALID = "hello_invalid"
    STREAMS_EXHAUSTED = "streams_exhausted"
    REPLACED = "replaced"
    CAMERA_UNKNOWN = "camera_unknown"
    CAMERA_NOT_ALLOWED = "camera_not_allowed"
    MODEL_NOT_ACCEPTED = "model_not_accepted"
    FORMAT_INVALID = "format_invalid"
    FORMAT_UNKNOWN = "format_unknown"
    FRAME_INVALID = "frame_invalid"
    GAP_INVALID = "gap_invalid"
    CLOCK_INVALID = "clock_invalid"
    OVER_CREDIT = "over_credit"
    PULL_UNKNOWN = "pull_unknown"
    DELIVERY_INVALID = "delivery_invalid"
    TOO_MANY_REJECTS = "too_many_rejects"
    # Reasons of BitstreamError and its subclasses.
    BITSTREAM = "bitstream"
    TRUNCATED = "truncated"
    MALFORMED = "malformed"
    UNSUPPORTED = "unsupported"
    LIMIT = "limit"
    CHECKSUM = "checksum"
    MISSING_REFERENCE = "missing_reference"

    @classmethod
    def of(cls, error: BitstreamError) -> "RejectReason":
        """Name the class of a bitstream error."""
        try:
            return cls(error.reason)
        except ValueError:  # a subclass that is newer than this list
            return cls.BITSTREAM


class RejectedError(LinkError):
    """A message of a peer that is refused; the stream goes on unless `is_fatal`."""

    def __init__(self, why: RejectReason, detail: str, *, is_fatal: bool = False) -> None:
        """Take the reason that is counted and the sentence that is sent back."""
        super().__init__(detail)
        self.why = why
        self.detail = detail
        self.is_fatal = is_fatal


class RejectBudget:
    """How many refusals one stream may cause: a burst, and then one a second."""

    def __init__(self, burst: int, now_ns: int) -> None:
        """Allow `burst` refusals at once; `now_ns` is any clock that never steps back."""
        self._burst = burst
        self._left = float(burst)
        self._refilled_ns = now_ns

    def take(self, now_ns: int) -> bool:
        """Count one refusal; False when it is one too many."""
        earned = max(0, now_ns - self._refilled_ns) / _NS_PER_S
        self._left = min(float(self._burst), self._left + earned) - 1
        self._refilled_ns = now_ns
        return self._left >= 0
