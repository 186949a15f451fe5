"""Requests for an evaluation like another one, but for what is swept."""

from dataclasses import replace
from typing import Any, Protocol, TypeVar

from shared_models.evaluation.sweep import Sweep


class Request(Protocol):
    @property
    def sweep(self) -> Sweep: ...


R = TypeVar("R", bound=Request)


def swept(request: R, **changes: Any) -> R:
    """Return `request` with changes to its sweep."""
    changed: R = replace(request, sweep=replace(request.sweep, **changes))  # type: ignore[type-var]
    return changed
