"""Results that workers report and the database records, as immutable values with units in their names. Does not import torch.

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
    """Facts about a task's data for the driver, which does not load it: sample counts, shape of a sample, classes, digests.

    ``environment`` is the fingerprint of the machine that loaded the data; ``tasks`` is the number of tasks of the benchmark,
    None if it is unlimited; ``inputs_are_floats`` is whether the task provided its inputs as floating-point numbers.
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
    """One epoch of a trial. Losses are means over the training samples, and may be infinite or NaN; the counts are
    canonical."""

    epoch: int
    train_loss: float
    l1_penalty: float
    val_correct: int
    val_total: int
    seconds: float


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One point of a threshold curve: when every layer is pruned at ``threshold``, ``free_neurons`` over all hidden layers are
    free and ``val_correct`` validation samples are correct."""

    threshold: float
    val_correct: int
    free_neurons: int


@dataclass(frozen=True, slots=True)
class StoredArtifact:
    """A file in the artifact store: the sha256 of its bytes, and its size."""

    digest: str
    bytes_written: int


@dataclass(frozen=True, slots=True)
class TrialResult:
    """One trained trial, unpruned; its network and activities are stored as an artifact.

    ``free_within_margin`` is the largest number of free neurons on the curve whose accuracy is within the margin of the trial's
    own unpruned accuracy, the second objective of samplers for accuracy and sparsity. ``hidden_total`` is the number of hidden
    neurons.
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

    When it was pruned at ``thresholds``, ``free_neurons`` over all hidden layers were free and ``pruned_val_correct``
    validation samples correct. Of the following ``epochs_run`` epochs ``best_epoch`` was kept; 0 means that the pruned
    weights were better than every epoch. ``val_correct`` is the count of the kept weights. ``teachers`` is the number of
    networks it was distilled from: 0 if distillation was requested but no teacher was left, so that the cross-entropy was used;
    None if it was not requested.
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
class CutCandidate:
    """One candidate of a search for the sparsest network after fine-tuning (docs/distillation.md).

    Attributes:
        cut: how many cuts lie behind it; 0 is the network that was pruned at θ*.
        neurons: that the task would activate, per hidden layer.
        pruned_val_correct: correct validation samples before the candidate was trained.
        val_correct: of the best epoch, or of the weights before it where none is better.
        best_epoch: that was kept; 0 for the weights before the first.
        epochs_run: all epochs of the candidate.
        seconds: of cutting and training it.
    """

    cut: int
    neurons: tuple[int, ...]
    pruned_val_correct: int
    val_correct: int
    best_epoch: int
    epochs_run: int
    seconds: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "neurons", tuple(self.neurons))  # JSON has lists


class SearchEnd(StrEnum):
    """Why a search made no further cut."""

    PATIENCE = "patience"
    """As many candidates as it waits for, and one, missed the margin one after the other."""

    NOTHING_LEFT = "nothing left"
    """No neuron could be cut without emptying a layer."""

    DIVERGED = "diverged"
    """The loss of the next candidate became infinite or NaN."""


@dataclass(frozen=True, slots=True)
class CutSearch:
    """A search: what its candidates were compared with, all of them, and which one was committed.

    Attributes:
        reference: ``teachers`` or ``trials``: what the margin is counted from.
        reference_val_correct: correct validation samples of the reference.
        required_val_correct: the lowest count within the margin.
        val_total: validation samples.
        candidates: in the order of their cuts.
        end: why there are no more.
        patience: misses in a row that do not end the search.
        chosen: the cut of the candidate that was committed.
        within_margin: whether it is within the margin; false where every candidate missed it, and cut 0 was committed.
        final: the further training of the chosen candidate; None where there was none.
        seconds: of the whole search.
    """

    reference: str
    reference_val_correct: int
    required_val_correct: int
    val_total: int
    candidates: tuple[CutCandidate, ...]
    end: SearchEnd
    patience: int
    chosen: int
    within_margin: bool
    final: CutCandidate | None
    seconds: float

    def sparsest(self, required: int) -> CutCandidate | None:
        """The sparsest recorded candidate with at least so many correct validation samples; None where all have fewer."""
        return next((each for each in reversed(self.candidates) if each.val_correct >= required), None)

    def would_go_on(self, required: int) -> bool:
        """Whether, with so many correct validation samples required, the search would have made further cuts."""
        misses = next((place for place, each in enumerate(reversed(self.candidates)) if each.val_correct >= required),
                      len(self.candidates))
        return self.end is SearchEnd.PATIENCE and misses <= self.patience


@dataclass(frozen=True, slots=True)
class LayerCapacity:
    """One hidden layer after the commit of one task.

    Attributes:
        task: the committed one.
        layer: counted from 1.
        total_neurons: of the layer.
        used_neurons: active for some task up to this one.
        new_neurons: activated by this task.
        reused_neurons: active before, with activity above this task's θ on this task's data, and on the path of this task's
            output.
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
