"""The fine-tuning of a commit: rounds of pruning and training, or the search for the sparsest network; and its teachers."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from clnp_core.capacity import free_neurons
from clnp_core.evaluation import count_correct, evaluate
from clnp_core.heads import neurons_read_by
from clnp_core.network import Network
from clnp_core.pruning import prune
from clnp_core.scores import ScoredTask, mean_activity, scores_of
from clnp_core.selection import Thresholds
from clnp_core.threshold import find_thresholds
from clnp_core.values import CutSearch, FineTuningRound
from workers.data.samples import TaskData
from workers.spec import FineTuningSpec, SearchSpec, StageSpec, derive_seed, digest_of
from workers.storage.artifacts import ArtifactStore, get_network
from workers.training.cut_search import TEACHERS, TRIALS, Reference, Search
from workers.training.loop import fine_tune, result_of
from workers.training.losses import CrossEntropy, DistillationLoss, Loss, mean_logits
from workers.training.resume import Checkpoint


@dataclass(frozen=True, slots=True)
class FineTuned:
    """A network on its way to the commit.

    Attributes:
        network: pruned, and fine-tuned where it was asked for.
        activities: of its neurons, per hidden layer float64 [width].
        thresholds: of the last pruning.
        rounds: what every round of fine-tuning did; None where none was asked for.
        search: what a search has seen; None where none was asked for.
    """

    network: Network
    activities: tuple[Tensor, ...]
    thresholds: Thresholds
    rounds: tuple[FineTuningRound, ...] | None = None
    search: CutSearch | None = None


class PartCheckpoints:
    """The checkpoints of the parts of a fine-tuning, by name."""

    def __init__(self, storage: str, what: Sequence[object], threads: int, every_seconds: float | None) -> None:
        """There are none yet.

        Args:
            storage: root of the artifact store.
            what: JSON-able values that decide what is trained.
            threads: of torch.
            every_seconds: how often each is written; None for never.
        """
        self._storage, self._what, self._threads, self._every_seconds = storage, what, threads, every_seconds
        self._made: list[tuple[str, Checkpoint]] = []
        self._news: list[str] = []

    def of(self, name: str, part: object, at_end: bool = True) -> Checkpoint:
        """That of one part.

        Args:
            name: for messages.
            part: JSON-able; what tells it from the other parts.
            at_end: whether it is also written when the part has ended, because later ones depend on it.
        """
        made = Checkpoint(self._storage, digest_of([*self._what, part]), self._threads, self._every_seconds, at_end)
        self._made.append((name, made))
        return made

    @property
    def seconds_before(self) -> float:
        """What interrupted attempts had trained, over all parts."""
        return sum(checkpoint.seconds_before for _, checkpoint in self._made)

    def remove(self) -> None:
        """What they were for is safe."""
        for _, checkpoint in self._made:
            checkpoint.remove()

    def news(self) -> tuple[str, ...]:
        """What happened to them, in their order."""
        return tuple(f"fine-tuning, {name}, {what}" for name, checkpoint in self._made for what in checkpoint.news())


def fine_tuned(pruned: FineTuned, data: TaskData, stage: StageSpec, tuning: FineTuningSpec, store: ArtifactStore,
               checkpoints: PartCheckpoints) -> FineTuned:
    """Fine-tune a pruned network, in rounds or by a search. The first round's seconds are also those of its teachers' logits.

    Without anything to train there are no rounds.

    Args:
        pruned: at θ*, with its activities and thresholds, on the device of ``data``.
        data: the task.
        stage: of the task.
        tuning: how.
        store: holds the teachers.
        checkpoints: of the parts.

    Raises:
        ArtifactError: a teacher is missing or damaged.
        DivergedError: the loss is no longer finite.
        StoppedError: the driver asked for a stop.
    """
    if not _has_something_to_train(pruned.network, stage.task):
        return replace(pruned, rounds=())
    began = time.perf_counter()
    teachers = teachers_of(tuning, store, data)
    loss = loss_of(stage, tuning, data, teachers)
    if tuning.search is not None:
        return _by_search(pruned, data, stage, tuning, tuning.search, teachers, loss, checkpoints)
    return _in_rounds(pruned, data, stage, tuning, loss, checkpoints, began)


def _in_rounds(pruned: FineTuned, data: TaskData, stage: StageSpec, tuning: FineTuningSpec, loss: Loss,
               checkpoints: PartCheckpoints, began: float) -> FineTuned:
    """Prune + fine-tune rounds (paper §2.2: "one can iterate"), until one prunes nothing more."""
    network, activities, thresholds = pruned.network, pruned.activities, pruned.thresholds
    rounds: list[FineTuningRound] = []
    task, val, batch = stage.task, data.val, stage.evaluation_batch_size
    while len(rounds) < tuning.rounds and _has_something_to_train(network, task):
        number = len(rounds) + 1
        if rounds:
            measured = ScoredTask(network, task, data.train.inputs, data.train.labels, batch)
            scores = scores_of(stage.score, measured)
            found = find_thresholds(network, task, scores, val.inputs, val.labels, tuning.required, tuning.mode, batch)
            if found.free_neurons == free_neurons(network):
                break
            thresholds = found.thresholds
            network = prune(network, task, scores, thresholds)
        before = evaluate(network, val.inputs, val.labels, task, batch).correct
        checkpoint = checkpoints.of(f"round {number}", number, at_end=number < tuning.rounds)
        seed = derive_seed(tuning.seed, "fine-tuning", number)
        tuned = result_of(fine_tune(network, data, stage, tuning, seed, checkpoint, loss))
        network = tuned.network
        rounds.append(FineTuningRound(number, thresholds, before, free_neurons(network), tuned.best_epoch, tuned.epochs_run,
                                      tuned.val_correct, checkpoint.seconds_before + time.perf_counter() - began,
                                      _teachers_asked_for(tuning)))
        activities, began = mean_activity(network, data.train.inputs, batch), time.perf_counter()
    return FineTuned(network, activities, thresholds, tuple(rounds))


def _by_search(pruned: FineTuned, data: TaskData, stage: StageSpec, tuning: FineTuningSpec, spec: SearchSpec,
               teachers: Sequence[Network], loss: Loss, checkpoints: PartCheckpoints) -> FineTuned:
    """The search, whose first candidate is the one round of fine-tuning."""
    reference = _reference(data, stage, spec, teachers)
    search = Search(pruned.network, data, stage, tuning, spec, loss, reference, lambda name: checkpoints.of(name, name))
    network, seen = search.run()
    first = seen.candidates[0]
    only = FineTuningRound(1, pruned.thresholds, first.pruned_val_correct, free_neurons(pruned.network), first.best_epoch,
                           first.epochs_run, first.val_correct, first.seconds, _teachers_asked_for(tuning))
    return FineTuned(network, mean_activity(network, data.train.inputs, stage.evaluation_batch_size), pruned.thresholds,
                     (only,), seen)


def _reference(data: TaskData, stage: StageSpec, spec: SearchSpec, teachers: Sequence[Network]) -> Reference:
    """What the margin is counted from: the best of the trials, of each teacher, and of the mean of their logits."""
    if not spec.with_teachers or not teachers:
        return Reference(TRIALS, spec.reference_val_correct)
    mean = mean_logits(teachers, data.val.inputs, stage.task, stage.evaluation_batch_size)
    return Reference(TEACHERS, max(spec.reference_val_correct, count_correct(mean, data.val.labels)))


def teachers_of(tuning: FineTuningSpec, store: ArtifactStore, data: TaskData) -> list[Network]:
    """The teachers that a fine-tuning learns from, on the device of the task.

    Raises:
        ArtifactError: one is missing or damaged.
    """
    digests = () if tuning.distillation is None else tuning.distillation.teachers
    return [get_network(store, digest)[0].to(data.train.inputs.device) for digest in digests]


def loss_of(stage: StageSpec, tuning: FineTuningSpec, data: TaskData, teachers: Sequence[Network]) -> Loss:
    """What fine-tuning minimises: the distance to the teachers that there are, or else the cross-entropy.

    Raises:
        DataError: the inputs are to be mixed, and are no floating-point numbers.
    """
    if tuning.distillation is None or not teachers:
        return CrossEntropy(data.train)
    return DistillationLoss(data.train, tuning.distillation, teachers, stage.task, tuning.seed, stage.evaluation_batch_size)


def _teachers_asked_for(tuning: FineTuningSpec) -> int | None:
    return None if tuning.distillation is None else len(tuning.distillation.teachers)


def _has_something_to_train(network: Network, task: int) -> bool:
    """Whether the output of the task reads any neuron at all; with none, every training would be of a constant."""
    return bool(neurons_read_by(network.architecture, network.activated_by[-1], task).any())
