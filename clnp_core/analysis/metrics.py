"""Metrics of continual learning from the accuracy matrix of a run: arithmetic on counts of correct samples.

R[t, i] is the test accuracy of the network committed after task t on task i ≤ t: a lower triangle of T rows, where T is the
last task learnt so far. A run that has not ended has fewer rows; its metrics cover the tasks learnt so far. Joint training
learns all tasks together and has only the last row; metrics that need an earlier row are None.

    average accuracy   mean over i ≤ T of R[T, i]                                      Lopez-Paz & Ranzato 2017 (ACC)
    backward transfer  mean over i < T of R[T, i] − R[i, i]                            Lopez-Paz & Ranzato 2017 (BWT)
    forgetting         mean over i < T of max over i ≤ t < T of R[t, i], − R[T, i]     Chaudhry et al. 2018
    learning accuracy  mean over i ≤ T of R[i, i]                                      Riemer et al. 2019
    forward transfer   mean over 2 ≤ i ≤ T of R[i, i] − accuracy of task i alone, trained from scratch

The last one is not Lopez-Paz & Ranzato's FWT, which tests a task before it is trained and is meaningless for a task whose head
does not exist yet. It answers whether earlier tasks help or hinder learning, so task 1 does not count.

None of these includes the accuracy that a task loses at its own commit, when it is pruned: that is the graceful loss.

Accuracies are fractions of 1, differences are percentage points. Both are exact (``Fraction``) until :func:`run_metrics`
converts them to floats.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from clnp_core.errors import StateError

Counts = tuple[int, int]
"""Correct samples and total samples."""


@dataclass(frozen=True, slots=True)
class AccuracyMatrix:
    """The accuracies of one run. Created by :meth:`of`, which checks them.

    Attributes:
        first: the task after which the first row was measured: 1, or T if there is only the row of joint training.
        rows: per row the accuracies on tasks 1, 2, ..., each a fraction of 1.
    """

    first: int
    rows: tuple[tuple[Fraction, ...], ...]

    @classmethod
    def of(cls, cells: Mapping[tuple[int, int], Counts]) -> "AccuracyMatrix":
        """Return the matrix of counts by (after which task, on which task), both counted from 1.

        Raises:
            StateError: there are no cells, counts are impossible, a row is incomplete, a row before the last is missing, or the
                size of a task's test set changes.
        """
        if not cells:
            raise StateError("the accuracy matrix is empty: no task is committed", "wait for the first commit")
        totals: dict[int, int] = {}
        for (after, on), counts in sorted(cells.items()):
            if not 1 <= on <= after:
                raise StateError(f"there is an accuracy after task {after} on task {on}, which had not been learnt yet",
                                 "keep the cells with 1 ≤ on task ≤ after task")
            _accuracy(counts, f"after task {after} on task {on}")
            if totals.setdefault(on, counts[1]) != counts[1]:
                raise StateError(f"task {on} was tested on {totals[on]} samples earlier and on {counts[1]} after task {after}",
                                 "compare accuracies on the same test set")
        first, last = min(after for after, _ in cells), max(after for after, _ in cells)
        if first != last:
            first = 1
        for after in range(first, last + 1):
            missing = [on for on in range(1, after + 1) if (after, on) not in cells]
            if missing:
                raise StateError(f"the accuracy matrix goes up to task {last} but has nothing after task {after} "
                                 f"on task {missing[0]}",
                                 "give complete rows; rows may be missing only at the end, or all but the last")
        return cls(first, tuple(tuple(Fraction(*cells[after, on]) for on in range(1, after + 1))
                                for after in range(first, last + 1)))

    @property
    def tasks(self) -> int:
        """Return T, the last task learnt."""
        return len(self.rows[-1])

    @property
    def only_last_row(self) -> bool:
        """Return whether all tasks were learnt together, so that earlier accuracies are unknown."""
        return self.first > 1

    def after(self, task: int) -> tuple[Fraction, ...]:
        """Return the accuracies on tasks 1 to ``task`` when ``task`` was the newest one.

        Raises:
            StateError: the matrix has no such row.
        """
        if not self.first <= task <= self.tasks:
            have = f"only the row after task {self.tasks}" if self.first == self.tasks else f"rows 1 to {self.tasks}"
            raise StateError(f"the accuracy matrix has no row after task {task}", f"it has {have}")
        return self.rows[task - self.first]

    def average_accuracy(self, after: int | None = None) -> Fraction:
        """Return the mean accuracy over all learnt tasks after task ``after`` (None for the last), a fraction of 1.

        Raises:
            StateError: the matrix has no such row.
        """
        return _mean(self.after(self.tasks if after is None else after))

    def learning_accuracy(self) -> Fraction | None:
        """Return the mean accuracy on each task right after it was learnt, a fraction of 1; None for joint training."""
        return None if self.only_last_row else _mean(self._diagonal())

    def backward_transfer(self) -> Fraction | None:
        """Return the effect of later tasks on earlier ones, in points: negative if they were forgotten, 0 if nothing changed.

        None for one task, which has no later one, and for joint training.
        """
        if self.tasks == 1 or self.only_last_row:
            return None
        return 100 * _mean([now - then for now, then in zip(self.rows[-1][:-1], self._diagonal(), strict=False)])

    def forgetting(self) -> Fraction | None:
        """Return how far the earlier tasks are below their best accuracy before the last task, in points.

        Negative if the last task improved them. None for one task and for joint training.
        """
        if self.tasks == 1 or self.only_last_row:
            return None
        best = [max(row[task] for row in self.rows[task:-1]) for task in range(self.tasks - 1)]
        return 100 * _mean([before - now for before, now in zip(best, self.rows[-1], strict=False)])

    def forward_transfer(self, from_scratch: Mapping[int, Counts]) -> "ForwardTransfer":
        """Return how much the earlier tasks help to learn a task, compared with training it alone from scratch.

        Args:
            from_scratch: counts by task of networks trained on that task alone; other tasks are ignored.

        Raises:
            StateError: a reference has impossible counts.
        """
        alone = {task: _accuracy(counts, f"from scratch on task {task}") for task, counts in from_scratch.items()}
        if self.tasks == 1 or self.only_last_row:
            return ForwardTransfer(None, ())
        later = range(2, self.tasks + 1)
        missing = tuple(task for task in later if task not in alone)
        if missing:
            return ForwardTransfer(None, missing)
        diagonal = self._diagonal()
        return ForwardTransfer(100 * _mean([diagonal[task - 1] - alone[task] for task in later]), ())

    def _diagonal(self) -> list[Fraction]:
        return [row[-1] for row in self.rows]


@dataclass(frozen=True, slots=True)
class ForwardTransfer:
    """Forward transfer, or the references that are missing for it.

    Attributes:
        points: the mean over tasks 2 to T, in percentage points; None for one task, for joint training, and if references are
            missing.
        missing: the tasks from 2 on without a reference trained from scratch.
    """

    points: Fraction | None
    missing: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RunMetrics:
    """The metrics of one run for tables and figures, each rounded once.

    Attributes:
        tasks: T, the tasks learnt so far.
        average_accuracy: over all tasks after the last, a fraction of 1.
        learning_accuracy: of each task right after it was learnt, a fraction of 1; None for joint training.
        backward_transfer_points: None for one task and for joint training.
        forgetting_points: None for one task and for joint training.
        forward_transfer_points: compared with training from scratch; None also if references are missing.
        missing_references: the tasks without a reference.
    """

    tasks: int
    average_accuracy: float
    learning_accuracy: float | None
    backward_transfer_points: float | None
    forgetting_points: float | None
    forward_transfer_points: float | None
    missing_references: tuple[int, ...]


def run_metrics(matrix: AccuracyMatrix, from_scratch: Mapping[int, Counts] | None = None) -> RunMetrics:
    """Return all metrics of a run as floats.

    Args:
        matrix: of the run.
        from_scratch: counts by task of networks trained on that task alone; None or {} for no references.

    Raises:
        StateError: a reference has impossible counts.
    """
    forward = matrix.forward_transfer(from_scratch or {})
    return RunMetrics(matrix.tasks, float(matrix.average_accuracy()), _float(matrix.learning_accuracy()),
                      _float(matrix.backward_transfer()), _float(matrix.forgetting()), _float(forward.points), forward.missing)


@dataclass(frozen=True, slots=True)
class CommittedStage:
    """The validation counts of a committed stage.

    Attributes:
        task: counted from 1.
        best_val_correct: of the best trial, unpruned.
        committed_val_correct: of the committed network: pruned, and fine-tuned if the run does that.
        val_total: validation samples.
    """

    task: int
    best_val_correct: int
    committed_val_correct: int
    val_total: int


@dataclass(frozen=True, slots=True)
class GracefulLoss:
    """The accuracy that the tasks of a run lost at their own commits, in percentage points of validation accuracy.

    Attributes:
        by_task: (task, points) in the order of the tasks.
        mean: over these tasks; None without tasks.
    """

    by_task: tuple[tuple[int, Fraction], ...]
    mean: Fraction | None


def graceful_loss_points(stage: CommittedStage) -> Fraction:
    """Return best unpruned minus committed validation accuracy, in percentage points.

    The margin bounds it, except with fine-tuning, which can regain more than was lost (a negative loss).

    Raises:
        StateError: the counts are impossible.
    """
    best = _accuracy((stage.best_val_correct, stage.val_total), f"of the best trial of task {stage.task}")
    committed = _accuracy((stage.committed_val_correct, stage.val_total), f"of the committed network of task {stage.task}")
    return 100 * (best - committed)


def graceful_loss(stages: Sequence[CommittedStage]) -> GracefulLoss:
    """Return the graceful loss of each committed task, and its mean.

    Raises:
        StateError: counts are impossible, or a task occurs twice.
    """
    losses: dict[int, Fraction] = {}
    for stage in stages:
        if stage.task in losses:
            raise StateError(f"task {stage.task} has two commits", "give the commits of one run")
        losses[stage.task] = graceful_loss_points(stage)
    return GracefulLoss(tuple(sorted(losses.items())), _mean(list(losses.values())) if losses else None)


def _accuracy(counts: Counts, where: str) -> Fraction:
    correct, total = counts
    if total <= 0 or not 0 <= correct <= total:
        raise StateError(f"{correct} of {total} correct is impossible ({where})",
                         "give counts with 0 ≤ correct ≤ total and total > 0, as they were recorded")
    return Fraction(correct, total)


def _mean(values: Sequence[Fraction]) -> Fraction:
    return sum(values, Fraction(0)) / len(values)


def _float(value: Fraction | None) -> float | None:
    return None if value is None else float(value)
