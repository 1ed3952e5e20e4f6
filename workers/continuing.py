"""Going on with an interrupted training: all that its next epoch depends on, put into a checkpoint and taken out again.

A training that goes on ends in the bits of one that was never interrupted: weights and running statistics, the optimizer's
memory, the rate's schedule and every generator are what they were, and the epochs so far are told once more.
"""

import contextlib
import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from clnp_core.architecture import Architecture
from clnp_core.errors import ArtifactError
from clnp_core.network import Network
from clnp_core.partition import FreeNetwork
from workers.checkpoints import Checkpoints, Snapshot
from workers.environment import fingerprint
from workers.epochs import Epoch, Trained

_SCHEDULE = ("last_epoch", "_step_count", "_last_lr")
"""What moves in a schedule; the rest of it is in the training's settings."""


@dataclass(slots=True)
class Standing:
    """Where a training stands between two epochs.

    Attributes:
        free: what trains. It holds the generator of its dropout.
        optimizer: over its parameters.
        schedule: of the optimizer's rate.
        generator: of the batches, on the CPU.
        best: the best epoch so far; None before the first.
        epochs: all so far, those of interrupted attempts among them.
        began: ``time.perf_counter()`` of the beginning, moved back by what interrupted attempts had trained.
    """

    free: FreeNetwork
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    generator: torch.Generator
    best: Trained | None
    epochs: list[Epoch] = field(default_factory=list)
    began: float = field(default_factory=time.perf_counter)

    def capture(self) -> Snapshot:
        """All of it, as tensors and plain values. The tensors are not copies."""
        tensors = {f"free.{name}": values for name, values in self.free.state_dict().items()}
        for index, memory in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": values for name, values in memory.items()}
        tensors |= {f"generator.{name}": generator.get_state() for name, generator in self._generators().items()}
        schedule = self.schedule.state_dict()
        facts = {"epochs": [dataclasses.asdict(epoch) for epoch in self.epochs], "best": None,
                 "schedule": {name: schedule[name] for name in _SCHEDULE}, "seconds": time.perf_counter() - self.began}
        if self.best is not None:
            tensors |= {f"best.{name}": values for name, values in self.best.network.to_tensors().items()}
            facts["best"] = {"epoch": self.best.best_epoch, "val_correct": self.best.val_correct,
                             "architecture": self.best.network.architecture.to_json()}
        return Snapshot(tensors, facts)

    def restore(self, snapshot: Snapshot) -> None:
        """Become what :meth:`capture` saw. What is restored into was made from the same key, so everything fits."""
        facts, tensors = snapshot.facts, snapshot.tensors
        self.free.load_state_dict(_below("free.", tensors))
        for name, generator in self._generators().items():
            generator.set_state(tensors[f"generator.{name}"])
        self.schedule.load_state_dict(facts["schedule"])
        groups = self.optimizer.state_dict()["param_groups"]
        for group, rate in zip(groups, facts["schedule"]["_last_lr"], strict=True):
            group["lr"] = rate
        memory: dict[int, dict[str, Tensor]] = {}
        for name, values in _below("optimizer.", tensors).items():
            index, _, what = name.partition(".")
            memory.setdefault(int(index), {})[what] = values
        self.optimizer.load_state_dict({"state": memory, "param_groups": groups})
        self.epochs = [Epoch(**epoch) for epoch in facts["epochs"]]
        self.began = time.perf_counter() - facts["seconds"]
        best = facts["best"]
        if best is not None:
            network = Network.from_tensors(Architecture.from_json(best["architecture"]), _below("best.", tensors))
            device = next(self.free.parameters()).device
            self.best = Trained(network.to(device), best["val_correct"], best["epoch"], best["epoch"], 0.0)

    def _generators(self) -> dict[str, torch.Generator]:
        """Every source of randomness."""
        noise = self.free.noise
        return {"batches": self.generator} if noise is None else {"batches": self.generator, "noise": noise}


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): values for name, values in tensors.items() if name.startswith(prefix)}


class Checkpoint:
    """The checkpoint of one training: taken up at its beginning, written now and then, removed when its result is safe.

    Nothing that goes wrong with it ends the training; it is told in :meth:`news`.
    """

    def __init__(self, storage: str, key: str, threads: int, every_seconds: float | None, at_end: bool = False) -> None:
        """Nothing is read yet.

        Args:
            storage: root of the artifact store.
            key: of the training: what has the same key ends in the same bits.
            threads: of torch, for the fingerprint of the environment.
            every_seconds: how often it is written; None for no checkpoint at all.
            at_end: whether it is also written when the training ends, because more is to come before its result is safe.
        """
        self.seconds_before = 0.0
        """What interrupted attempts had trained."""
        self._store, self._key, self._threads = Checkpoints(storage), key, threads
        self._every_seconds, self._at_end = every_seconds, at_end
        self._looked_at = time.monotonic()
        self._exists = False
        self._refused_to_write = False
        self._news: list[str] = []

    def restore(self, standing: Standing) -> None:
        """Bring a training that has just begun to where an interrupted one stood, if there is a checkpoint that can be used."""
        if self._every_seconds is None:
            return
        try:
            snapshot = self._store.read(self._key, fingerprint(self._threads))
        except ArtifactError as unusable:
            self._exists = True
            self._news.append(f"trains from the start: {unusable.message}")
            return
        if snapshot is not None:
            self._exists = True
            standing.restore(snapshot)
            self.seconds_before = float(snapshot.facts["seconds"])
            self._news.append(f"goes on from epoch {len(standing.epochs)}")
        self._looked_at = time.monotonic()

    def maybe_save(self, standing: Standing) -> None:
        """Write it, if the last time is long enough ago."""
        if self._every_seconds is not None and time.monotonic() - self._looked_at >= self._every_seconds:
            self._save(standing)

    def end(self, standing: Standing) -> None:
        """The training has ended; its result is not safe yet."""
        if self._every_seconds is not None and self._at_end:
            self._save(standing)

    def remove(self) -> None:
        """What it was for is safe, or cannot be had."""
        if self._exists:
            with contextlib.suppress(OSError):  # it is in nobody's way, and `clnp gc` finds it
                self._store.remove(self._key)

    def news(self) -> tuple[str, ...]:
        """What happened to it since this was last asked, as predicates of the training."""
        news, self._news = tuple(self._news), []
        return news

    def _save(self, standing: Standing) -> None:
        try:
            self._store.write(self._key, fingerprint(self._threads), standing.capture())
            self._exists = True
        except OSError as error:
            if not self._refused_to_write:
                self._news.append(f"goes on without a checkpoint, which cannot be written: {error.strerror or error}")
            self._refused_to_write = True
        self._looked_at = time.monotonic()


NEVER = Checkpoint("", "", 1, None)
"""For a training that begins at its beginning and leaves nothing behind."""
