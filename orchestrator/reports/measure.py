"""Metrics of one run: accuracy matrix, accuracy lost by pruning, capacity, and cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby

from clnp_core.analysis.metrics import AccuracyMatrix, CommittedStage, Counts, RunMetrics, graceful_loss, run_metrics
from clnp_core.analysis.model_size import UsedWidths, divided_parameters, whole_parameters
from clnp_core.architecture import Architecture
from clnp_core.errors import ConfigError
from clnp_core.values import LayerCapacity
from db.reads.reads import Reads
from db.rows import AccuracyRow, RunRow, TrialRow
from db.states import RunState, TrialState
from orchestrator.render.format import divides_the_network
from orchestrator.render.matrices import tasks_at_chance
from workers.methods import Method


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of work, regardless of parallelism. A trial reused from another run has no cost.

    Attributes:
        cpu_seconds, gpu_seconds: total, for trials on CPUs and on GPUs.
        trial_seconds: share of the trials.
        scan_seconds: share of the search for θ*.
        commit_seconds: share of pruning, fine-tuning, evaluation and verification.
        teacher_seconds: share of the teachers, which is part of that of the trials.
    """

    cpu_seconds: float
    gpu_seconds: float
    trial_seconds: float
    scan_seconds: float
    commit_seconds: float
    teacher_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Measured:
    """The metrics of one run.

    Attributes:
        run: its name.
        method: its method.
        seed: its seed.
        state: its state; only completed runs are averaged, or with ``after_task`` those that have reached that task.
        benchmark: its benchmark.
        tasks: number of tasks; with ``after_task``, of those that count.
        tasks_learnt: number of committed tasks.
        metrics: metrics of its accuracy matrix on test data; None before the first commit.
        exact_accuracy: its average accuracy as an exact fraction, so that significance tests detect ties.
        val_accuracy: validation accuracy after the last commit, mean over all tasks so far, a fraction: the criterion for
            choosing settings. None if it was not recorded.
        graceful_loss_points: mean loss of validation accuracy at the commits, in percentage points; None for methods that do
            not prune.
        used_percent: neurons used after the last commit, by hidden layer; None for methods that do not prune.
        parameters: parameters of all tasks learnt so far (:mod:`clnp_core.analysis.model_size`); None before the first commit.
        cost: its cost.
        failed_trials: number of trials that diverged, timed out or failed for good.
        failures: kinds of these failures.
        environment: what must be equal for results to be bit-identical, such as device, torch and code.
        after_task: everything is measured after this task; None for all tasks.
        at_chance: tasks at chance level.
    """

    run: str
    method: str
    seed: int
    state: RunState
    benchmark: str
    tasks: int
    tasks_learnt: int
    metrics: RunMetrics | None
    exact_accuracy: Fraction | None
    val_accuracy: float | None
    graceful_loss_points: float | None
    used_percent: tuple[float, ...] | None
    parameters: int | None
    cost: Cost
    failed_trials: int
    failures: tuple[str, ...]
    environment: Mapping[str, str]
    after_task: int | None
    at_chance: tuple[int, ...] = ()

    @property
    def counts(self) -> bool:
        """Whether the run may be averaged with others: all tasks that count are learnt."""
        return self.metrics is not None and (self.state is RunState.COMPLETED if self.after_task is None
                                             else self.tasks_learnt == self.after_task)


def measure(reads: Reads, run: str, from_scratch: Mapping[int, Counts] | None = None,
            after_task: int | None = None) -> Measured:
    """Measure a run from its records.

    Args:
        reads: of the database.
        run: its name.
        from_scratch: test counts by task of networks trained on a single task, for forward transfer.
        after_task: as in :class:`Measured`.

    Raises:
        NotFoundError: no such run.
        ConfigError: the run has fewer tasks, or learns them together.
        StateError: its records are inconsistent.
    """
    row = reads.run(run)
    if after_task is not None:
        _require_task(row, after_task)
    last_task = row.tasks if after_task is None else after_task
    matrix = [cell for cell in reads.accuracy_matrix(run) if cell.after_task <= last_task]
    cells = {(cell.after_task, cell.on_task): (cell.test_correct, cell.test_total) for cell in matrix}
    counted = AccuracyMatrix.of(cells) if cells else None
    metrics = None if counted is None else run_metrics(counted, from_scratch)
    capacity = [layer for layer in reads.capacity(run) if layer.task <= last_task]
    last = max((layer.task for layer in capacity), default=0)
    prunes = divides_the_network(row.method)
    used = tuple(100 * layer.used_fraction for layer in capacity if layer.task == last) if prunes and capacity else None
    trials = [trial for trial in reads.trials(run) if trial.task <= last_task]
    failed = [trial for trial in trials if trial.state is TrialState.FAILED]
    return Measured(
        row.name, row.method, row.seed, row.state, row.benchmark, last_task, 0 if counted is None else counted.tasks, metrics,
        None if counted is None else counted.average_accuracy(), _val_accuracy(matrix),
        _graceful(reads, row, last_task) if prunes else None, used, _parameters(reads, row, capacity),
        _cost(reads, run, trials, last_task),
        len(failed), tuple(sorted({trial.failure_kind.value for trial in failed if trial.failure_kind is not None})),
        {name: str(value) for name, value in (row.environment or {}).items()}, after_task,
        tuple(found.task for found in tasks_at_chance(matrix, reads.stages(run))))


def counts_when_learnt(reads: Reads, run: str) -> dict[int, Counts]:
    """Return the test counts of each task right after it was learnt."""
    return {cell.on_task: (cell.test_correct, cell.test_total) for cell in reads.accuracy_matrix(run)
            if cell.after_task == cell.on_task}


def _require_task(row: RunRow, task: int) -> None:
    if task > row.tasks:
        raise ConfigError(f"run {row.name} has {row.tasks} tasks, so it has no result after {task} tasks",
                          f"ask for at most {row.tasks}")
    if task < row.first_task:
        raise ConfigError(f"run {row.name} learns {row.first_task} tasks together, so it has no result after {task} of them",
                          "omit joint training, or compare whole sequences")


def _graceful(reads: Reads, row: RunRow, last_task: int) -> float | None:
    best = {selection.task: selection.best_val_correct for selection in reads.selections(row.name)}
    stages = [CommittedStage(commit.task, best[commit.task], commit.val_correct, commit.val_total)
              for commit in reads.commits(row.name)
              if commit.val_correct is not None and commit.val_total is not None and commit.task in best
              and commit.task <= last_task]
    mean = graceful_loss(stages).mean
    return None if mean is None else float(mean)


def _val_accuracy(matrix: Sequence[AccuracyRow]) -> float | None:
    last = max((cell.after_task for cell in matrix), default=0)
    fractions = [cell.val_correct / cell.val_total if cell.val_correct is not None and cell.val_total else None
                 for cell in matrix if cell.after_task == last]
    known = [fraction for fraction in fractions if fraction is not None]
    return sum(known) / len(known) if known and len(known) == len(fractions) else None


def _parameters(reads: Reads, row: RunRow, capacity: Sequence[LayerCapacity]) -> int | None:
    described = {stage.task: stage.architecture for stage in reads.stages(row.name)}
    commits = []
    for task, rows in groupby(capacity, key=lambda layer: layer.task):
        layers, network = list(rows), described[task]
        if network is None:
            return None
        commits.append((task, UsedWidths(Architecture.from_json(network), tuple(layer.used_neurons for layer in layers),
                                         tuple(layer.new_neurons for layer in layers))))
    if not commits:
        return None
    if divides_the_network(row.method):
        return divided_parameters([widths for _, widths in commits])
    last, widths = commits[-1]
    return whole_parameters(widths.architecture, last, last if row.method == Method.SCRATCH else 1)


def _cost(reads: Reads, run: str, trials: Sequence[TrialRow], last_task: int) -> Cost:
    """The jobs of a task run where its trials do."""
    on_gpu = {trial.task for trial in trials if trial.device is not None and trial.device.startswith("cuda")}
    of_trials = [(trial.task, trial.total_seconds or 0.0) for trial in trials if trial.reused_from is None]
    of_scans = [(selection.task, selection.scan_seconds) for selection in reads.selections(run)]
    of_commits = [(commit.task, commit.commit_seconds) for commit in reads.commits(run)]
    parts = [[(task, seconds) for task, seconds in part if task <= last_task] for part in (of_trials, of_scans, of_commits)]
    gpu = sum(seconds for part in parts for task, seconds in part if task in on_gpu)
    by_part = [sum(seconds for _, seconds in part) for part in parts]
    teachers = sum(trial.total_seconds or 0.0 for trial in trials if trial.reused_from is None and not trial.role.can_be_chosen)
    trials_of, scans, commits = by_part
    return Cost(sum(by_part) - gpu, gpu, trials_of, scans, commits, teachers)
