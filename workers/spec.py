"""Everything that determines a trial, as plain data, and its key: a digest of just that.

The same key in the same environment gives the same bits, which is what makes recording idempotent and resuming safe. Nothing
that does not change the result is in here (no paths, no names of runs, no machine).
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from clnp_core.architecture import Architecture


class BuiltIn(NamedTuple):
    """What is known of a built-in benchmark without its data: the shape of a sample, classes, and how many tasks there are
    (None for any number)."""

    input_shape: tuple[int, ...]
    classes: int
    tasks: int | None


BUILT_IN_BENCHMARKS: Mapping[str, BuiltIn] = {
    "permuted-digits": BuiltIn((64,), 10, None),
    "permuted-mnist": BuiltIn((784,), 10, None),
}


def digest_of(value: object) -> str:
    """sha256 of the canonical JSON of ``value``: 64 hexadecimal digits."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def derive_seed(*parts: object) -> int:
    """A seed of 63 bits from any JSON-able parts; no generator is ever seeded otherwise."""
    return int(digest_of(list(parts))[:16], 16) >> 1


@dataclass(frozen=True, slots=True)
class BenchmarkSpec:
    """A sequence of tasks.

    Attributes:
        name: a built-in benchmark, or an import path ``module:callable``.
        seed: of its permutations and splits.
        params: further arguments of an import path.
        validation_fraction: share of the training samples held out; None for the benchmark's own choice.
        normalize: ``unit`` (values in [0, 1]) or ``standard`` (mean 0, deviation 1 over the training samples).
    """

    name: str
    seed: int
    params: dict[str, Any]
    validation_fraction: float | None
    normalize: str

    def fingerprint(self, task: int) -> str:
        """A digest of what determines the data of one task."""
        return digest_of([dataclasses.asdict(self), task])


@dataclass(frozen=True, slots=True)
class TrainingSpec:
    """How one trial trains. Epochs are counted from 1; the rate is multiplied by ``gamma`` after each milestone."""

    optimizer: str
    momentum: float
    weight_decay: float
    batch_size: int
    epochs: int
    milestones: tuple[int, ...]
    gamma: float
    early_stopping_patience: int | None


@dataclass(frozen=True, slots=True)
class StageSpec:
    """What all trials of a stage share.

    Attributes:
        benchmark: where the data comes from.
        task: counted from 1.
        architecture: of the network that is trained; wider than the base's where a layer is widened.
        base_digest: artifact of the commit it stands on; None for the first task.
        training: the training loop's settings.
        evaluation_batch_size: of the canonical evaluation.
        threads: of torch inside one process. Bits depend on it.
        curve_points: how many thresholds the recorded curve has at most.
    """

    benchmark: BenchmarkSpec
    task: int
    architecture: Architecture
    base_digest: str | None
    training: TrainingSpec
    evaluation_batch_size: int
    threads: int
    curve_points: int

    def to_json(self) -> dict[str, Any]:
        """A JSON-able dictionary; :meth:`from_json` is its inverse."""
        data = dataclasses.asdict(self)
        data["architecture"] = self.architecture.to_json()
        data["training"]["milestones"] = list(self.training.milestones)
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "StageSpec":
        """The stage that :meth:`to_json` described."""
        training = {**data["training"], "milestones": tuple(data["training"]["milestones"])}
        return cls(BenchmarkSpec(**data["benchmark"]), data["task"], Architecture.from_json(data["architecture"]),
                   data["base_digest"], TrainingSpec(**training), data["evaluation_batch_size"], data["threads"],
                   data["curve_points"])


@dataclass(frozen=True, slots=True)
class TrialSpec:
    """One grid point of a stage.

    Attributes:
        stage: what it shares with the other trials.
        number: its index in the grid; names the trial, and is not part of its key.
        alpha: L1 coefficients, one per hidden layer and one for the output.
        learning_rate: the initial one.
        seed: of its re-initialisation and its batches.
    """

    stage: StageSpec
    number: int
    alpha: tuple[float, ...]
    learning_rate: float
    seed: int

    def key(self) -> str:
        """The digest of all that determines this trial's result in one environment."""
        return digest_of([self.stage.to_json(), list(self.alpha), self.learning_rate, self.seed])
