"""Everything that determines a trial, as plain data, and its key: a digest of exactly that.

The same key in the same environment gives the same bits, which makes recording idempotent and resuming safe. Values that do
not change the result are not part of it (paths, names of runs, machines).
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from clnp_core.architecture import Architecture
from clnp_core.selection import Score, ThresholdMode
from clnp_core.values import FreeWindow, TrialRole
from workers.methods import MethodSpec


class BuiltIn(NamedTuple):
    """Facts about a built-in benchmark that do not need its data: the shape of a sample, the classes of a task, the number of
    tasks (None if it is unlimited), and whether each task has its own classes."""

    input_shape: tuple[int, ...]
    classes: int
    tasks: int | None
    splits_classes: bool = False


BUILT_IN_BENCHMARKS: Mapping[str, BuiltIn] = {
    "permuted-digits": BuiltIn((64,), 10, None),
    "permuted-mnist": BuiltIn((784,), 10, None),
    "split-digits": BuiltIn((1, 8, 8), 2, 5, splits_classes=True),
    "split-cifar": BuiltIn((3, 32, 32), 10, 11, splits_classes=True),
}


class ClassOrder(StrEnum):
    """The order in which the tasks of a benchmark that splits a data set take its classes."""

    INDEX = "index"
    SEED = "seed"

    @property
    def is_random(self) -> bool:
        """Return whether the seed permutes the classes."""
        return self is ClassOrder.SEED


class Schedule(StrEnum):
    """How the learning rate changes from epoch to epoch (:mod:`workers.training.optimizers`)."""

    MILESTONES = "milestones"
    COSINE = "cosine"
    CONSTANT = "constant"

    @property
    def has_milestones(self) -> bool:
        """Whether ``training.milestones`` and ``training.gamma`` mean anything to it."""
        return self is Schedule.MILESTONES


def digest_of(value: object) -> str:
    """Return the sha256 of the canonical JSON of ``value``: 64 hexadecimal digits."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def derive_seed(*parts: object) -> int:
    """Derive a seed of 63 bits from any JSON-able parts. All generators are seeded with such seeds."""
    return int(digest_of(list(parts))[:16], 16) >> 1


@dataclass(frozen=True, slots=True)
class BenchmarkSpec:
    """A sequence of tasks.

    Attributes:
        name: a built-in benchmark, or an import path ``module:callable``.
        seed: of its permutations and splits.
        params: further arguments of an import path.
        validation_fraction: share of the training samples held out; None for the benchmark's own choice.
        normalize: ``unit`` (values in [0, 1]) or ``standard`` (mean 0, deviation 1 over the training samples; of images
            with channels, per channel).
        class_order: of the classes that tasks take; for benchmarks that split a data set by classes.
        samples_per_class: how many training images of a class are used at most, those for validation included; for the
            same benchmarks. None for all.
    """

    name: str
    seed: int
    params: dict[str, Any]
    validation_fraction: float | None
    normalize: str
    class_order: ClassOrder = ClassOrder.INDEX
    samples_per_class: int | None = None

    def fingerprint(self, task: int) -> str:
        """Return the digest of everything that determines the data of one task."""
        return digest_of([self.to_json(), task])

    def to_json(self) -> dict[str, Any]:
        """A JSON-able dictionary; :meth:`from_json` is its inverse.

        ``class_order`` and ``samples_per_class`` are left out at their defaults, so that benchmarks that do not use them keep
        their fingerprints and keys from before these existed.
        """
        data = dataclasses.asdict(self) | {"class_order": self.class_order.value}
        for name, default in (("class_order", ClassOrder.INDEX.value), ("samples_per_class", None)):
            if data[name] == default:
                del data[name]
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "BenchmarkSpec":
        """Return the benchmark that :meth:`to_json` described."""
        return cls(**{**data, "class_order": ClassOrder(data.get("class_order", ClassOrder.INDEX))})


@dataclass(frozen=True, slots=True)
class TrainingSpec:
    """How one trial trains. Epochs are counted from 1; the rate is multiplied by ``gamma`` after each milestone, or falls along
    a cosine to 0 over ``epochs``.

    With the precision ``bfloat16`` a step's products are computed in bfloat16 (autocast); with ``tf32`` a GPU rounds their
    factors to ten bits of mantissa. Weights, their gradients and the optimizer's state are float32, and so are all
    measurements.
    """

    optimizer: str
    momentum: float
    weight_decay: float
    batch_size: int
    epochs: int
    milestones: tuple[int, ...]
    gamma: float
    early_stopping_patience: int | None
    precision: str = "float32"
    schedule: Schedule = Schedule.MILESTONES

    def to_json(self) -> dict[str, Any]:
        """A JSON-able dictionary; :meth:`from_json` is its inverse. ``precision`` and ``schedule`` are left out at their
        defaults: keys from before they existed stay what they were."""
        data = dataclasses.asdict(self) | {"milestones": list(self.milestones), "schedule": self.schedule.value}
        for name, default in (("precision", "float32"), ("schedule", Schedule.MILESTONES.value)):
            if data[name] == default:
                del data[name]
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "TrainingSpec":
        """The training that :meth:`to_json` described."""
        return cls(**{**data, "milestones": tuple(data["milestones"]),
                      "schedule": Schedule(data.get("schedule", Schedule.MILESTONES))})


@dataclass(frozen=True, slots=True)
class DistillationSpec:
    """What fine-tuning learns from teachers, in place of the labels (:class:`workers.training.losses.DistillationLoss`).

    Attributes:
        temperature: T, which divides the logits of teacher and student.
        cross_entropy: s, the share of the cross-entropy with the labels in the loss.
        mixing: the largest λ of a mixed sample; 0 where none is mixed.
        copies: mixed copies of the training set beside the clean one; 0 where none is mixed.
        teachers: artifact digests of networks that have learnt the task, in the order of their numbers. Without any,
            fine-tuning is of the cross-entropy.
    """

    temperature: float
    cross_entropy: float
    mixing: float
    copies: int
    teachers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchSpec:
    """A search for the sparsest network that is within the margin after fine-tuning (:mod:`workers.training.cut_search`).

    Attributes:
        score: that neurons are ranked by.
        step: neurons of a cut; below 1 a share of those that are left, rounded up.
        epochs_per_cut: of training after each cut.
        extra_epochs: of further training of a candidate that misses the margin; 0 for none.
        patience: cuts that are tried beyond a miss.
        final_epochs: of further training of the chosen candidate; 0 for none.
        margin_points: m, exact decimal text.
        reference_val_correct: the best count of the trials, or of trials and single teachers.
        with_teachers: whether the mean of the teachers' logits belongs to the reference, too.
    """

    score: Score
    step: float
    epochs_per_cut: int
    extra_epochs: int
    patience: int
    final_epochs: int
    margin_points: str
    reference_val_correct: int
    with_teachers: bool


@dataclass(frozen=True, slots=True)
class FineTuningSpec:
    """How a pruned network is trained further before its commit (paper §3.2: one round, 20 epochs, rate 1e-4, α 5e-5).

    Attributes:
        rounds: of fine-tuning; from the second on each prunes once more before it trains.
        epochs: of every round.
        learning_rate: of the first epoch of every round.
        alpha: L1 coefficients, one per hidden layer and one for the output.
        seed: from which those of the rounds are derived.
        required: the lowest validation count within the stage's margin; it bounds every pruning, but not the training after it.
        mode: of the thresholds, from the second round on.
        schedule: constant, or a cosine over the epochs of a round.
        distillation: what it learns from teachers; None for the labels alone.
        search: for the sparsest network within the margin after fine-tuning, in place of further rounds; None for none.

    Optimizer and batch size are those of the training.
    """

    rounds: int
    epochs: int
    learning_rate: float
    alpha: tuple[float, ...]
    seed: int
    required: int
    mode: ThresholdMode
    schedule: Schedule = Schedule.CONSTANT
    distillation: DistillationSpec | None = None
    search: SearchSpec | None = None

    def to_json(self) -> dict[str, object]:
        """A JSON-able dictionary. ``schedule``, ``distillation`` and ``search`` are left out at their defaults, so that
        checkpoints from before they existed are found."""
        data: dict[str, object] = dataclasses.asdict(self)
        if self.schedule is Schedule.CONSTANT:
            del data["schedule"]
        for name in ("distillation", "search"):
            if data[name] is None:
                del data[name]
        return data


@dataclass(frozen=True, slots=True)
class StageSpec:
    """What all trials of a stage share.

    Attributes:
        benchmark: the source of the data.
        task: counted from 1.
        architecture: of the network that is trained; wider than the base's where a layer is widened.
        base_digest: artifact of the base network, the previous commit; None for the first task.
        training: the training loop's settings.
        evaluation_batch_size: of the canonical evaluation.
        threads: of torch inside one process. Bits depend on it.
        curve_points: the maximum number of thresholds of the recorded curve; 0 for networks that are never pruned, whose
            activities are not measured, either.
        method: the method that learns the task; None for CLNP.
        free_window: how many of the free neurons train, and which; None for all.
        score: what of a neuron its threshold is compared with.
    """

    benchmark: BenchmarkSpec
    task: int
    architecture: Architecture
    base_digest: str | None
    training: TrainingSpec
    evaluation_batch_size: int
    threads: int
    curve_points: int
    method: MethodSpec | None = None
    free_window: FreeWindow | None = None
    score: Score = Score.ACTIVITY

    def to_json(self) -> dict[str, Any]:
        """A JSON-able dictionary; :meth:`from_json` is its inverse. ``method`` is left out for CLNP, ``free_window`` where
        there is none, ``score`` for the paper's: keys from before they existed stay what they were."""
        data = dataclasses.asdict(self)
        del data["method"]
        if self.score.is_activity:
            del data["score"]
        if self.free_window is None:
            del data["free_window"]
        else:
            data["free_window"]["neurons"] = list(self.free_window.neurons)
        if self.method is not None:
            data["method"] = self.method.to_json()
        data["benchmark"] = self.benchmark.to_json()
        data["architecture"] = self.architecture.to_json()
        data["training"] = self.training.to_json()
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "StageSpec":
        """Return the stage that :meth:`to_json` described."""
        found = data.get("free_window")
        window = None if found is None else FreeWindow(tuple(found["neurons"]), found["seed"])
        return cls(BenchmarkSpec.from_json(data["benchmark"]), data["task"], Architecture.from_json(data["architecture"]),
                   data["base_digest"], TrainingSpec.from_json(data["training"]), data["evaluation_batch_size"],
                   data["threads"], data["curve_points"], MethodSpec.from_json(data["method"]) if "method" in data else None,
                   window, Score(data.get("score", Score.ACTIVITY)))


ALONE = (1, 0)
"""The pack of a trial that trains alone."""


@dataclass(frozen=True, slots=True)
class TrialSpec:
    """One grid point of a stage.

    Attributes:
        stage: the settings that all trials of the stage share.
        number: its index in the plan of the stage; identifies the trial, but is not part of its key.
        alpha: L1 coefficients, one per hidden layer and one for the output.
        learning_rate: the initial rate.
        seed: of its re-initialisation and its batches.
        pack: the number of trials that train as one batched computation, including this one, and its position, from 0. The
            bits depend on these, but not on the other trials.
        role: what the stage trains it for; not part of its key.
    """

    stage: StageSpec
    number: int
    alpha: tuple[float, ...]
    learning_rate: float
    seed: int
    pack: tuple[int, int] = ALONE
    role: TrialRole = TrialRole.CANDIDATE

    def key(self) -> str:
        """Return the digest of everything that determines this trial's result in one environment."""
        packed = [] if self.pack == ALONE else [{"pack": list(self.pack)}]
        return digest_of([self.stage.to_json(), list(self.alpha), self.learning_rate, self.seed, *packed])
