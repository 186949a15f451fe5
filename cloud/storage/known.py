"""Which entries the store has already: what is sent twice is stored once."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Select, Table, bindparam, select

from cloud.storage.records import Entry, FailureEntry, GapEntry, LayerEntry, ResultEntry
from cloud.storage.tables import cameras, failures, frames, gaps, layers, results
from slimstream.v1.frame_pb2 import LAYER_BASE, FrameId


class _Name(NamedTuple):
    """What names an entry: its group is asked about at once, its member is one of the group."""

    group: tuple[str, tuple[Any, ...]]
    member: Any


def unknown_entries(connection: Connection, entries: Sequence[Entry]) -> list[bool]:
    """Say for each entry whether neither the index nor an earlier one of `entries` has it."""
    names = [_name(entry) for entry in entries]
    groups: defaultdict[tuple[str, tuple[Any, ...]], set[Any]] = defaultdict(set)
    for name in names:
        groups[name.group].add(name.member)
    known = {group: _known(connection, *group, members) for group, members in groups.items()}
    answers: list[bool] = []
    for name in names:
        answers.append(name.member not in known[name.group])
        known[name.group].add(name.member)
    return answers


def _known(connection: Connection, kind: str, values: tuple[Any, ...], members: set[Any]) -> set[Any]:
    parameters = {f"v{number}": value for number, value in enumerate(values)}
    return set(connection.execute(_QUESTIONS[kind], parameters | {"members": list(members)}).scalars())


def _name(entry: Entry) -> _Name:
    match entry:
        case LayerEntry(layer, _) if layer.layer == LAYER_BASE:
            return _Name(("base", _epoch(layer.frame)), layer.frame.seq)
        case LayerEntry(layer, _):
            values = (*_epoch(layer.frame), layer.layer, layer.quality_code)
            return _Name(("layer", values), layer.frame.seq)
        case GapEntry(gap):
            return _Name(("gap", ()), gap.gap_id)
        case ResultEntry(result):
            return _Name(("result", (*_epoch(result.frame), result.path)), result.frame.seq)
        case FailureEntry(failure):
            return _Name(("failure", (*_epoch(failure.frame), failure.path)), failure.frame.seq)


def _epoch(frame: FrameId) -> tuple[str, int]:
    return frame.camera, frame.epoch


def _question(table: Table, *columns: str) -> Select[Any]:
    """Return the numbers among `members` that a table has for a camera, an epoch and further columns."""
    camera_id = select(cameras.c.id).where(cameras.c.name == bindparam("v0")).scalar_subquery()
    question = select(table.c.seq).where(table.c.camera_id == camera_id, table.c.epoch == bindparam("v1"))
    for number, column in enumerate(columns, start=2):
        question = question.where(table.c[column] == bindparam(f"v{number}"))
    return question.where(table.c.seq.in_(bindparam("members", expanding=True)))


# Built once: building a statement costs more than SQLite needs to run it.
_QUESTIONS: Final[dict[str, Select[Any]]] = {
    "base": _question(frames),
    "layer": _question(layers, "layer", "quality_code"),
    "gap": select(gaps.c.gap_id).where(gaps.c.gap_id.in_(bindparam("members", expanding=True))),
    "result": _question(results, "path"),
    "failure": _question(failures, "path"),
}
