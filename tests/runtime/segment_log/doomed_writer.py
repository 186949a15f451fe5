"""A process that appends until it is killed: `python doomed_writer.py DIRECTORY FIRST`.

Prints `KEY SEGMENT OFFSET` once a record is appended, so its parent knows what must be there.
"""

import hashlib
import os
import sys
import threading
from pathlib import Path

from runtime.segment_log import SegmentLog, SegmentLogOptions

SEGMENT_BYTES = 8192


def payload_of(key: int) -> bytes:
    """Return what record `key` holds: 0 to 4 kB that only depend on the key."""
    digest = hashlib.sha256(b"%d" % key).digest()
    return (digest * 128)[: int.from_bytes(digest[:2], "little") % 4096]


def write_forever(log: SegmentLog, first: int) -> None:
    """Append keys `first`, `first` + 2, ...; every fifth durably."""
    key = first
    while True:
        append = log.append_durable if key % 5 == 0 else log.append
        record_id = append(key % 7, payload_of(key), importance=key % 2, key=b"%d" % key)
        os.write(1, b"%d %d %d\n" % (key, *record_id))
        key += 2


def main() -> None:
    """Write from two threads until the end comes."""
    directory, first = Path(sys.argv[1]), int(sys.argv[2])
    log = SegmentLog.open(directory, SegmentLogOptions(segment_bytes=SEGMENT_BYTES, sync_interval_s=0.002))
    threading.Thread(target=write_forever, args=(log, first + 1), daemon=True).start()
    write_forever(log, first)


if __name__ == "__main__":
    main()
