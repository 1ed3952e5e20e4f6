"""The state of a training: its epochs so far, and everything that the next epoch depends on, as tensors and plain values."""

import dataclasses
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from clnp_core.architecture import Architecture
from clnp_core.network import Network
from clnp_core.partition import FreeNetwork
from clnp_core.values import Epoch
from workers.storage.checkpoints import Snapshot


@dataclass(frozen=True, slots=True)
class Trained:
    """The unpruned network of the best epoch: the earliest one with the highest validation count."""

    network: Network
    val_correct: int
    best_epoch: int
    epochs_run: int
    train_seconds: float


_SCHEDULE = ("last_epoch", "_step_count", "_last_lr")
"""The variables of a schedule; its settings are part of the training's."""


@dataclass(slots=True)
class EpochUnderway:
    """An epoch in progress.

    Attributes:
        orders: of its samples, on the CPU; several if tasks are trained side by side.
        loss_sum: of its batches so far.
        batches: the number of batches that have been trained.
        began: ``time.perf_counter()`` at its start, minus the seconds that an interrupted attempt has trained of it.
    """

    orders: tuple[Tensor, ...]
    loss_sum: Tensor
    batches: int = 0
    began: float = field(default_factory=time.perf_counter)

    def captured(self) -> Snapshot:
        """Return its state. The tensors are not copies."""
        tensors = {f"epoch.order.{place}": order for place, order in enumerate(self.orders)} | {"epoch.loss_sum": self.loss_sum}
        return Snapshot(tensors, {"epoch": {"batches": self.batches, "seconds": time.perf_counter() - self.began}})


class TrainingState(Protocol):
    """The common part of the trainings. ``epoch`` is the epoch in progress; None between two epochs."""

    epoch: EpochUnderway | None


def begin_epoch(standing: TrainingState, loss_sum: Tensor, draw: Callable[[], tuple[Tensor, ...]]) -> EpochUnderway:
    """Begin the next epoch, or continue the one that an interrupted attempt had begun.

    Args:
        standing: the state of the training.
        loss_sum: the training adds to it; it is restored.
        draw: draws the orders of a new epoch.
    """
    loss_sum.zero_()
    if standing.epoch is None:
        standing.epoch = EpochUnderway(draw(), loss_sum)
    else:
        standing.epoch.loss_sum = loss_sum.copy_(standing.epoch.loss_sum)
    return standing.epoch


def epoch_of(snapshot: Snapshot) -> EpochUnderway | None:
    """Return the epoch that was in progress in a snapshot."""
    facts = snapshot.facts.get("epoch")
    if facts is None:
        return None
    tensors = below("epoch.", snapshot.tensors)
    orders = below("order.", tensors)
    return EpochUnderway(tuple(orders[str(place)] for place in range(len(orders))), tensors["loss_sum"], facts["batches"],
                         time.perf_counter() - facts["seconds"])


@dataclass(slots=True)
class Learner:
    """The state of one grid point, with any optimizer.

    Attributes:
        free: the part that is trained. It has the generator of its dropout.
        generator: of the batches, on the CPU.
        best: the best epoch so far; None before the first.
        epochs: all so far, including those of interrupted attempts.
    """

    free: FreeNetwork
    generator: torch.Generator
    best: Trained | None
    epochs: list[Epoch] = field(default_factory=list)

    @property
    def epochs_run(self) -> int:
        """The number of epochs that have ended."""
        return len(self.epochs)

    def waits_in_vain(self, patience: int | None) -> bool:
        """Return whether the last ``patience`` epochs have brought no improvement."""
        return patience is not None and self.best is not None and self.epochs_run - self.best.best_epoch >= patience

    def ended(self, epoch: Epoch, network: Network) -> None:
        """Record an epoch, and keep its network if it is the best so far."""
        self.epochs.append(epoch)
        if self.best is None or epoch.val_correct > self.best.val_correct:
            self.best = Trained(network, epoch.val_correct, epoch.epoch, epoch.epoch, 0.0)

    def result(self, seconds: float) -> Trained:
        """Return the network of the best epoch, after a training of ``seconds``."""
        assert self.best is not None, "at least one epoch runs"
        return dataclasses.replace(self.best, epochs_run=self.epochs_run, train_seconds=seconds)

    def captured(self) -> Snapshot:
        """Return its state. The tensors are not copies."""
        tensors = {f"free.{name}": values for name, values in self.free.state_dict().items()}
        tensors |= {f"generator.{name}": generator.get_state() for name, generator in self._generators().items()}
        facts: dict[str, Any] = {"epochs": [dataclasses.asdict(epoch) for epoch in self.epochs], "best": None}
        if self.best is not None:
            tensors |= {f"best.{name}": values for name, values in self.best.network.to_tensors().items()}
            facts["best"] = {"epoch": self.best.best_epoch, "val_correct": self.best.val_correct,
                             "architecture": self.best.network.architecture.to_json()}
        return Snapshot(tensors, facts)

    def bring_back(self, snapshot: Snapshot) -> None:
        """Restore the state that :meth:`captured` returned. Both were created for the same key, so everything fits."""
        facts, tensors = snapshot.facts, snapshot.tensors
        self.free.load_state_dict(below("free.", tensors))
        for name, generator in self._generators().items():
            generator.set_state(tensors[f"generator.{name}"])
        self.epochs = [Epoch(**epoch) for epoch in facts["epochs"]]
        best = facts["best"]
        if best is not None:
            network = Network.from_tensors(Architecture.from_json(best["architecture"]), below("best.", tensors))
            device = next(self.free.parameters()).device
            self.best = Trained(network.to(device), best["val_correct"], best["epoch"], best["epoch"], 0.0)

    def _generators(self) -> dict[str, torch.Generator]:
        """Return every source of randomness."""
        noise = self.free.noise
        return {"batches": self.generator} if noise is None else {"batches": self.generator, "noise": noise}


@dataclass(slots=True)
class TrialStanding:
    """The state of a trial that is trained alone.

    Attributes:
        learner: the trial.
        optimizer: over its parameters.
        schedule: of the optimizer's rate.
        began: ``time.perf_counter()`` at the start, minus the seconds that interrupted attempts have trained.
        epoch: the epoch in progress; None between two epochs.
    """

    learner: Learner
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    began: float = field(default_factory=time.perf_counter)
    epoch: EpochUnderway | None = None

    @property
    def epochs_run(self) -> int:
        """The number of epochs that have ended."""
        return self.learner.epochs_run

    def capture(self) -> Snapshot:
        """Return its state. The tensors are not copies."""
        snapshot = self.learner.captured()
        if self.epoch is not None:
            snapshot = snapshot.with_all_of(self.epoch.captured())
        for index, memory in self.optimizer.state_dict()["state"].items():
            snapshot.tensors.update({f"optimizer.{index}.{name}": values for name, values in memory.items()})
        schedule = self.schedule.state_dict()
        rates = [float(rate) for rate in schedule["_last_lr"]]
        snapshot.facts.update(schedule={name: schedule[name] for name in _SCHEDULE} | {"_last_lr": rates},
                              seconds=time.perf_counter() - self.began)
        return snapshot

    def restore(self, snapshot: Snapshot) -> None:
        """Restore the state that :meth:`capture` returned."""
        facts, tensors = snapshot.facts, snapshot.tensors
        self.learner.bring_back(snapshot)
        self.epoch = epoch_of(snapshot)
        self.schedule.load_state_dict(facts["schedule"])
        groups = self.optimizer.state_dict()["param_groups"]
        for group, rate in zip(groups, facts["schedule"]["_last_lr"], strict=True):
            group["lr"] = torch.full_like(group["lr"], rate) if isinstance(group["lr"], Tensor) else rate
        memory: dict[int, dict[str, Tensor]] = {}
        for name, values in below("optimizer.", tensors).items():
            index, _, what = name.partition(".")
            memory.setdefault(int(index), {})[what] = values
        self.optimizer.load_state_dict({"state": memory, "param_groups": groups})
        self.began = time.perf_counter() - facts["seconds"]


def below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose name starts with ``prefix``, without the prefix."""
    return {name.removeprefix(prefix): values for name, values in tensors.items() if name.startswith(prefix)}
