"""One trainer for every stage: driven by time, resumable at any step, ended by a signal without loss.

A stage is a recipe: networks, data and a loss. The trainer owns the optimisers, the schedule, the clock,
the checkpoint and the log. Progress is seconds trained over seconds granted, so that every run ends
annealed, however fast the machine is.
"""

import json
import math
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Protocol, TypeAlias

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from shared_models.training.muon import Muon

Watch: TypeAlias = Callable[[dict[str, float]], None]


class Recipe(Protocol):
    """A training stage."""

    networks: nn.ModuleDict
    """What is trained and checkpointed, by name; frozen parts have no gradient."""

    def loss(self, progress: float) -> tuple[Tensor, dict[str, float]]:
        """Draw a batch; return the loss and figures for the log. `progress` runs from 0 to 1."""

    def state_dict(self) -> dict[str, Any]:
        """Return what is needed besides the networks to go on: data order, running means."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken."""


@dataclass(frozen=True, slots=True)
class TrainerConfig:
    """How a run is driven; `folder` receives latest.pt and log.jsonl."""

    folder: Path
    minutes: float
    steps: int | None = None
    """End after this many steps instead, however long they take."""
    lr: float = 1e-3
    lr_shares: Mapping[str, float] = field(default_factory=dict)
    """By how a parameter's name begins, its share of the learning rate; all others take it whole."""
    weight_decay: float = 0.0
    warmup: float = 0.01
    hold: float = 0.4
    grad_norm_max: float = 5.0
    optimiser: str = "muon"
    checkpoint_every_s: float = 180.0
    log_every_steps: int = 50
    device: str = "cpu"
    seed: int = 0


class Trainer:
    """Trains a recipe until its minutes are spent."""

    def __init__(self, recipe: Recipe, config: TrainerConfig) -> None:
        """Make the optimisers; pick up folder/latest.pt if it is there."""
        self.recipe, self.config = recipe, config
        self.optimisers = _optimisers(recipe.networks, config)
        self.step, self.trained_s = 0, 0.0
        self.stopped = False
        self.checkpoint = config.folder / "latest.pt"
        config.folder.mkdir(parents=True, exist_ok=True)
        if self.checkpoint.exists():
            self._load()

    @property
    def progress(self) -> float:
        """Share of the granted steps or time that is spent, 0..1."""
        if self.config.steps is not None:
            return min(1.0, self.step / self.config.steps)
        return min(1.0, self.trained_s / (60 * self.config.minutes))

    def run(self, watch: Watch | None = None) -> None:
        """Train to the end, or to SIGTERM or SIGINT; the checkpoint is written either way.

        `watch` is told the figures of every step.
        """
        saved_s, logged = self.trained_s, _Means()
        with _stop_on_signals(self._stop):
            while self.progress < 1 and not self.stopped:
                began = time.monotonic()
                figures = self._train_step()
                self.trained_s += time.monotonic() - began
                logged.add(figures)
                if watch is not None:
                    watch(figures)
                if self.step % self.config.log_every_steps == 0:
                    self._log(logged.take())
                if self.trained_s - saved_s > self.config.checkpoint_every_s:
                    self.save()
                    saved_s = self.trained_s
        self.save()

    def save(self) -> None:
        """Write the checkpoint; a reader never sees half of one."""
        state: dict[str, Any] = {name: network.state_dict() for name, network in self.recipe.networks.items()}
        state |= {
            "recipe": self.recipe.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "rng": torch.get_rng_state(),
            "step": self.step,
            "trained_s": self.trained_s,
        }
        partial = self.checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self.checkpoint)

    def _load(self) -> None:
        state = torch.load(self.checkpoint, map_location=self.config.device, weights_only=True)
        for name, network in self.recipe.networks.items():
            network.load_state_dict(state[name])
        self.recipe.load_state_dict(state["recipe"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        torch.set_rng_state(state["rng"].cpu())
        self.step, self.trained_s = state["step"], state["trained_s"]

    def _train_step(self) -> dict[str, float]:
        rate = learning_rate(self.progress, self.config)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate * group["lr_factor"]
            optimiser.zero_grad(set_to_none=True)
        loss, figures = self.recipe.loss(self.progress)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.recipe.networks.parameters(), self.config.grad_norm_max)
        if torch.isfinite(norm):
            for optimiser in self.optimisers:
                optimiser.step()
        self.step += 1
        return figures | {"loss": float(loss.detach()), "grad_norm": float(norm)}

    def _log(self, figures: dict[str, float]) -> None:
        line = {"step": self.step, "trained_s": round(self.trained_s, 1)} | figures
        with (self.config.folder / "log.jsonl").open("a") as log:
            log.write(json.dumps({k: float(f"{v:.5g}") for k, v in line.items()}) + "\n")

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopped = True


def learning_rate(progress: float, config: TrainerConfig) -> float:
    """Rise over `warmup`, stay until `hold`, fall to zero in a half cosine."""
    if progress < config.warmup:
        return config.lr * (progress / config.warmup + 1e-3)
    if progress < config.hold:
        return config.lr
    return config.lr * 0.5 * (1 + math.cos(math.pi * (progress - config.hold) / (1 - config.hold)))


def _optimisers(networks: nn.ModuleDict, config: TrainerConfig) -> list[Optimizer]:
    """Muon for the weights of convolutions, AdamW for all the rest (or for everything)."""
    trained = [(name, p) for name, p in networks.named_parameters() if p.requires_grad]
    if config.optimiser == "adamw":
        return [AdamW(_groups(trained, config, 1.0), lr=config.lr, weight_decay=0.0)]
    weights = [(name, p) for name, p in trained if p.dim() == 4]
    others = [(name, p) for name, p in trained if p.dim() != 4]
    muon = Muon(_groups(weights, config, 1.0), config.lr, weight_decay=config.weight_decay)
    return [muon, AdamW(_groups(others, config, 0.5), lr=config.lr, weight_decay=0.0)]


def _groups(
    parameters: Sequence[tuple[str, nn.Parameter]], config: TrainerConfig, factor: float
) -> list[dict[str, Any]]:
    """Put parameters of one share of the learning rate together, those of the whole rate first."""
    groups: dict[float, list[nn.Parameter]] = {1.0: []}
    for name, parameter in parameters:
        share = next((s for start, s in config.lr_shares.items() if name.startswith(start)), 1.0)
        groups.setdefault(share, []).append(parameter)
    return [{"params": found, "lr_factor": share * factor} for share, found in groups.items()]


@contextmanager
def _stop_on_signals(stop: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Means:
    """Means of the figures since the last line of the log, and the speed."""

    def __init__(self) -> None:
        self.sums: dict[str, float] = {}
        self.counts: dict[str, int] = {}
        self.began = time.monotonic()

    def add(self, figures: dict[str, float]) -> None:
        for name, value in figures.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1

    def take(self) -> dict[str, float]:
        steps = self.counts.get("loss", 0)
        means = {name: total / self.counts[name] for name, total in self.sums.items()}
        means["steps_per_s"] = steps / (time.monotonic() - self.began)
        self.__init__()  # type: ignore[misc]
        return means
