"""All data of a report, read from the database once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from clnp_core.selection import Score, Verdict
from clnp_core.values import LayerCapacity
from db.reads.curves import pruned_within_margin
from db.rows import (
    AccuracyRow,
    CommitRow,
    EpochRow,
    RunRow,
    SelectionRow,
    StageRow,
    ThresholdRow,
    TrialRow,
)
from orchestrator.figures.trial_chart import PlottedTrial, trial_points
from orchestrator.render.format import divides_the_network
from orchestrator.render.matrices import ForgettingClaim, chance_sentences, forgetting_claim
from orchestrator.runs.recorded_config import learnt_under, score_of

if TYPE_CHECKING:
    from db.reads.reads import Reads


@dataclass(frozen=True, slots=True)
class TaskPart:
    """The records of one task.

    Attributes:
        stage: its stage.
        selection: its selection, or None.
        commit: its commit, or None.
        trials: its trials, best first, see :func:`best_first`.
        points: the trials that have a result, after pruning.
        curve: the threshold curve of the chosen trial; empty before the selection.
        epochs: the epochs of the chosen trial.
        prunes: whether the method prunes, so that there is a margin.
        score: what its thresholds are compared with.
    """

    stage: StageRow
    selection: SelectionRow | None
    commit: CommitRow | None
    trials: Sequence[TrialRow]
    points: Sequence[PlottedTrial]
    curve: Sequence[ThresholdRow]
    epochs: Sequence[EpochRow]
    prunes: bool = True
    score: Score = Score.ACTIVITY

    @property
    def chosen(self) -> TrialRow | None:
        """The chosen trial."""
        return next((trial for trial in self.trials if self.selection and trial.number == self.selection.chosen), None)


@dataclass(frozen=True, slots=True)
class Gathered:
    """All records of a run, read at ``read_at``."""

    run: RunRow
    tasks: Sequence[TaskPart]
    cells: Sequence[AccuracyRow]
    capacity: Sequence[LayerCapacity]
    claim: ForgettingClaim
    at_chance: Sequence[str]
    read_at: datetime

    @property
    def selections(self) -> list[SelectionRow]:
        """Those that there are, by task."""
        return [task.selection for task in self.tasks if task.selection]

    @property
    def commits(self) -> list[CommitRow]:
        """Those that there are, by task."""
        return [task.commit for task in self.tasks if task.commit]

    @property
    def trials(self) -> list[TrialRow]:
        """All of them, by task and number."""
        return sorted((trial for task in self.tasks for trial in task.trials), key=lambda trial: (trial.task, trial.number))


def gather(reads: "Reads", name: str) -> Gathered:
    """Read a run.

    Raises:
        NotFoundError: no such run.
        DatabaseError: the database cannot be read.
    """
    run, read_at = reads.run(name), datetime.now(UTC)
    commits = reads.commits(name)
    selections = {selection.task: selection for selection in reads.selections(name)}
    by_task = {commit.task: commit for commit in commits}
    tasks = [_task(reads, run, stage, selections.get(stage.task), by_task.get(stage.task)) for stage in reads.stages(name)]
    cells = reads.accuracy_matrix(name)
    return Gathered(run, tasks, cells, reads.capacity(name), forgetting_claim(commits),
                    chance_sentences(cells, [task.stage for task in tasks]), read_at)


def _task(reads: "Reads", run: RunRow, stage: StageRow, selection: SelectionRow | None, commit: CommitRow | None) -> TaskPart:
    if not stage.trials_total:
        return TaskPart(stage, selection, commit, (), (), (), (), divides_the_network(run.method))
    trials = reads.trials(run.name, stage.task)
    margin = selection.margin_points if selection else run.margin_points
    points = trial_points(trials, pruned_within_margin(reads, run.name, stage.task, margin))
    curve = reads.threshold_curve(run.name, stage.task, selection.chosen) if selection else []
    epochs = reads.trial_history(run.name, stage.task, selection.chosen) if selection else []
    return TaskPart(stage, selection, commit, best_first(trials), points, curve, epochs, divides_the_network(run.method),
                    score_of(learnt_under(reads, run, stage.task)))


def best_first(trials: Sequence[TrialRow]) -> list[TrialRow]:
    """Return the chosen trial, those within the margin by free neurons, the others by accuracy, then those without a result;
    ties by number."""
    return sorted(trials, key=lambda trial: (
        trial.verdict is not Verdict.CHOSEN, trial.free_neurons is None, -(trial.free_neurons or 0),
        -(trial.pruned_val_correct or 0), -(trial.val_correct or -1), trial.number))
