"""A bridge into somebody's model, opened alike in every process."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from shared_models.codecs.backend import BackendOptions
from shared_models.errors import InputError
from shared_models.evaluation.cache import key, source_key
from shared_models.evaluation.pixel_choice import READING_CODE, PixelChoice, file_sum
from shared_models.packages.package import ModelPackage
from shared_models.tasks.bridged import BridgedModel, open_bridge
from shared_models.tasks.layouts.layout import Task
from shared_models.tasks.ready_made import find_bridge, ready_made_names, tail_path

_BRIDGE_CODE: Final = ("shared_models.tasks.bridged", "shared_models.tasks.feature_placement")


@dataclass(frozen=True, slots=True)
class BridgeChoice:
    """A bridge by where it comes from."""

    source: str
    """Its directory, or the name of a ready-made one."""
    task: Task

    @property
    def name(self) -> str:
        """The name of its directory."""
        return f"bridge {find_bridge(self.source).name}"

    def open(self, package: ModelPackage) -> "OnBridge":
        """Load it; raise InputError or ModelError."""
        return OnBridge(self, package)


def bridge_notes(
    kind: str, pixels: PixelChoice, *, has_bridge: bool, has_built_in: bool = True
) -> Iterator[str]:
    """Say of a report of ours what a missing bridge means, and what a built-in `kind` of model does."""
    if not has_bridge:
        seen = f"seen by the built-in {kind} only" if has_built_in else "not seen by anything"
        yield (
            f"No bridge leads from latents into {pixels.name}, so ours was {seen}; "
            f"`slimstream fit-bridge --model {pixels.path.name} --images DIR -o BRIDGE` makes one for "
            f"--path, and these are ready-made: {', '.join(ready_made_names()) or 'none'}."
        )
    if has_built_in:
        yield f"The built-in {kind} is not the peers' {kind}: its rows compare systems, not codecs."


class OnBridge:
    """A bridge and its tail, ready to run on one thread."""

    def __init__(self, choice: BridgeChoice, package: ModelPackage) -> None:
        """Load the bridge for latents of `package`; raise InputError or ModelError."""
        directory = find_bridge(choice.source)
        self.name = choice.name
        self.model: BridgedModel = open_bridge(directory, package.fingerprint, BackendOptions())
        if self.model.task != choice.task:
            raise InputError(
                f"the bridge {directory} leads into a model that can {self.model.task}, "
                f"and {choice.task} is asked for"
            )
        files = {*directory.iterdir(), tail_path(directory, self.model.info)}
        sums = [file_sum(path) for path in sorted(files) if path.is_file()]
        self.key = key(*sums, source_key(*READING_CODE, *_BRIDGE_CODE))
        """Changes with everything that decides its answers."""
