"""Every error Slimstream raises on purpose.

    SlimstreamError
    ├── ConfigError             the operator's configuration or flags
    ├── InputError              a file or argument a user gave to a command
    ├── BitstreamError          bytes that are not a valid packet or file
    │   ├── TruncatedError          bytes end before the structure does
    │   ├── MalformedError          a field holds a value the format forbids
    │   ├── UnsupportedError        a version, kind or family this build does not know
    │   ├── LimitError              a size beyond the caller's limits
    │   ├── ChecksumError           decoded symbols do not match their CRC-32C
    │   └── MissingReferenceError   the packet leans on symbols that are not at hand
    ├── ModelError              a model package that is missing, damaged or unfit
    │   ├── PackageError            files, sums or structure of a package
    │   └── BackendError            a backend that misses its known answers or cannot run
    ├── SourceError             a camera, file or directory that cannot be read
    ├── LinkError               the peer or the connection to it
    │   └── RefusedError            the peer said no: identity, camera, model
    └── StorageError            the disk, the segment log or the index
        └── NotHeldError            a record that is no longer, or was never, held

Blame is in the type. A message names the thing, the value and the remedy; parts stay as attributes.
"""


class SlimstreamError(Exception):
    """Anything Slimstream raises on purpose; `exit_code` is what the command line returns for it."""

    exit_code = 1

    @property
    def reason(self) -> str:
        """Name this class in the snake_case that metrics and logs count by, e.g. `truncated`."""
        name = type(self).__name__.removesuffix("Error")
        return "".join(f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name))


class ConfigError(SlimstreamError):
    """The operator's configuration, environment or flags are wrong."""

    exit_code = 2


class InputError(SlimstreamError):
    """A file or argument that a user gave to a command cannot be used."""

    exit_code = 2


class BitstreamError(SlimstreamError):
    """Bytes that are not a valid packet or file; `offset_bytes` says where, if it is known."""

    exit_code = 2

    def __init__(self, message: str, offset_bytes: int | None = None) -> None:
        """Take the sentence, and the offset of the first offending byte."""
        super().__init__(message if offset_bytes is None else f"{message} (at byte {offset_bytes})")
        self.offset_bytes = offset_bytes


class TruncatedError(BitstreamError):
    """The bytes end before the structure does."""


class MalformedError(BitstreamError):
    """A field holds a value that the format forbids."""


class UnsupportedError(BitstreamError):
    """A version, kind or family that this build does not know."""


class LimitError(BitstreamError):
    """A size that comes from outside is beyond the caller's limits."""


class ChecksumError(BitstreamError):
    """Decoded symbols do not match the CRC-32C that the packet carries."""


class MissingReferenceError(BitstreamError):
    """The packet leans on symbols that are not at hand."""


class ModelError(SlimstreamError):
    """A model package is missing, damaged or unfit for the request."""

    exit_code = 2


class PackageError(ModelError):
    """The files, sums or structure of a model package are wrong."""


class BackendError(ModelError):
    """A backend misses its known answers, or cannot run here."""


class SourceError(SlimstreamError):
    """A camera, file or directory cannot be read."""

    exit_code = 2


class LinkError(SlimstreamError):
    """The peer, or the connection to it, failed."""


class RefusedError(LinkError):
    """The peer said no: identity, camera or model."""


class StorageError(SlimstreamError):
    """The disk, the segment log or the index failed."""


class NotHeldError(StorageError):
    """A record that is no longer held, or never was."""
