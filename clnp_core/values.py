"""Results as plain immutable values, with units in their names: what workers report, and the database records. No torch in it.

A count of correct samples is exact and comes with its total; digests are lower-case hex SHA-256; seconds are wall-clock time.
Tasks, layers, rounds and epochs count from 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from clnp_core.selection import Thresholds


class TrialRole(StrEnum):
    """What a stage trains a trial for."""

    CANDIDATE = "candidate"
    """The selection may choose it: its pruned network may become the commit."""

    TEACHER = "teacher"
    """A network of its own for the task, whose logits the fine-tuning learns from. No selection chooses it."""

    @property
    def can_be_chosen(self) -> bool:
        """Whether the selection of its stage considers the trial."""
        return self is TrialRole.CANDIDATE


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """A task's data as the driver knows it, which does not hold the data: sample counts, shape of a sample, classes, digests.

    ``environment`` is the fingerprint of the machine that loaded it; ``tasks`` is how many tasks the benchmark has, None for
    any number; ``inputs_are_floats`` tells whether the task has given its inputs as floating-point numbers.
    """

    train_total: int
    val_total: int
    test_total: int
    input_shape: tuple[int, ...]
    classes: int
    split_digest: str
    task_fingerprint: str
    environment: Mapping[str, Any]
    tasks: int | None = None
    inputs_are_floats: bool = True


@dataclass(frozen=True, slots=True)
class FreeWindow:
    """A bound on the free neurons that a task trains on (:mod:`clnp_core.free_window`).

    Attributes:
        neurons: per hidden layer how many at most, at least 1.
        seed: which ones are drawn from.
    """

    neurons: tuple[int, ...]
    seed: int


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch of a trial. Losses are means over the training samples, and may be infinite or NaN; the count is canonical."""

    epoch: int
    train_loss: float
    l1_penalty: float
    val_correct: int
    val_total: int
    seconds: float


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One point of a threshold curve: pruned at ``threshold`` in every layer, ``free_neurons`` over all hidden layers are free
    and ``val_correct`` validation samples correct."""

    threshold: float
    val_correct: int
    free_neurons: int


@dataclass(frozen=True, slots=True)
class StoredArtifact:
    """A file in the artifact store: sha256 of its bytes, and how many there are."""

    digest: str
    bytes_written: int


@dataclass(frozen=True, slots=True)
class TrialResult:
    """One trained trial, unpruned; its network and activities are stored as an artifact.

    ``free_within_margin`` is the largest number of free neurons on the curve whose accuracy is within the margin of the
    trial's own unpruned accuracy: the second objective of samplers that look for accuracy and sparsity. ``hidden_total`` is
    all hidden neurons.
    """

    val_correct: int
    val_total: int
    best_epoch: int
    epochs_run: int
    train_seconds: float
    total_seconds: float
    artifact: StoredArtifact
    curve: tuple[CurvePoint, ...]
    hidden_total: int
    free_within_margin: int
    host: str
    device: str


@dataclass(frozen=True, slots=True)
class FineTuningRound:
    """One round of pruning and fine-tuning.

    Pruned at ``thresholds``, ``free_neurons`` over all hidden layers are free and ``pruned_val_correct`` validation samples
    correct. Of the ``epochs_run`` epochs after that ``best_epoch`` was kept; 0 says that the pruned weights were better than
    every epoch. ``val_correct`` is what was kept. ``teachers`` is how many networks it was distilled from: 0 where distillation
    was asked for and no teacher was left, so that it was of the cross-entropy; None where it was not asked for.
    """

    round: int
    thresholds: Thresholds
    pruned_val_correct: int
    free_neurons: int
    best_epoch: int
    epochs_run: int
    val_correct: int
    seconds: float
    teachers: int | None = None


@dataclass(frozen=True, slots=True)
class LayerCapacity:
    """One hidden layer after the commit of one task.

    Attributes:
        task: the committed one.
        layer: counted from 1.
        total_neurons: of the layer.
        used_neurons: active for some task up to this one.
        new_neurons: activated by this task.
        reused_neurons: active before, firing above this task's θ on this task's data, and read on this task's path.
        free_neurons: total − used.
        used_fraction: used / total.
    """

    task: int
    layer: int
    total_neurons: int
    used_neurons: int
    new_neurons: int
    reused_neurons: int
    free_neurons: int
    used_fraction: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "used_fraction", self.used_neurons / self.total_neurons)


@dataclass(frozen=True, slots=True)
class TaskResult:
    """A commit's network on one task, on its test and on its validation data. Both are recorded: what is chosen over all tasks
    learnt so far must not look at test data. The digest is of the test logits."""

    task: int
    test_correct: int
    test_total: int
    logits_digest: str
    val_correct: int
    val_total: int
