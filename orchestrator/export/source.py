"""The inputs of an export: the records, the published networks, and the data for the comparison."""

from dataclasses import dataclass

from clnp_core.errors import ConfigError, DataError, StateError
from clnp_core.network import Network
from db.reads.reads import Reads
from db.rows import AccuracyRow, CommitRow, RunRow, SelectionRow, StageRow, TrialRow
from db.states import StageState
from orchestrator.config.config import Config
from orchestrator.driver import plan
from orchestrator.runs.location import Place
from workers.data.loader import load_task, task_origin
from workers.data.provenance import Origin
from workers.data.samples import TaskData
from workers.storage.artifacts import ArtifactStore, get_network


@dataclass(frozen=True, slots=True)
class Recorded:
    """The records of a task and the commit that it is exported from.

    Attributes:
        run: the run.
        config: its parsed config.
        stage: stage of the task.
        commit: the task's own commit.
        taken_from: the commit that is exported: the task's own, or a later one.
        lineage: every commit up to that one, by task.
        selection: the selection of the task.
        trial: the chosen trial.
        tested: test result of the task's own commit.
    """

    run: RunRow
    config: Config
    stage: StageRow
    commit: CommitRow
    taken_from: CommitRow
    lineage: tuple[CommitRow, ...]
    selection: SelectionRow
    trial: TrialRow
    tested: AccuracyRow

    @property
    def task(self) -> int:
        """Counted from 1."""
        return self.stage.task


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """The full networks of the two commits (which may be the same), and the task's data.

    Attributes:
        own: the network of the task's own commit.
        taken_from: the network that the sub-network is extracted from.
        data: the task's samples, as used in training.
        origin: origin of the inputs; None for a custom benchmark.
    """

    own: Network
    taken_from: Network
    data: TaskData
    origin: Origin | None


def recorded(reads: Reads, run: str, task: int, from_commit: int | None = None) -> Recorded:
    """Read the records of a task.

    Raises:
        NotFoundError: no such run or task.
        StateError: the task, or the task of ``from_commit``, is not committed.
        ConfigError: ``from_commit`` is a task before this one.
    """
    row = reads.run(run)
    if not Config.from_resolved(row.config).method.divides_the_network:
        raise StateError(f"run {run!r} was made with method {row.method}, whose tasks have no separate sub-network",
                         "only runs of method clnp can be exported")
    stages = reads.stages(run)
    after = task if from_commit is None else from_commit
    commits = {commit.task: commit for commit in reads.commits(run)}
    for wanted in (task, after):
        reads.commits(run, wanted)  # raises for an unknown task
        if wanted not in commits:
            state = stages[wanted - 1].state
            raise StateError(f"task {wanted} of run {run!r} is not committed: it is {state.value}",
                             f"`clnp show {run}` says why" if state is StageState.DEPLETED else
                             f"`clnp status {run}` shows its state")
    if after < task:
        raise ConfigError(f"the commit of task {after} does not include task {task}",
                          f"use the commit of task {task} or of a later task")
    selection = reads.selections(run, task)[0]
    tested = next(cell for cell in reads.accuracy_matrix(run) if cell.after_task == cell.on_task == task)
    return Recorded(row, Config.from_resolved(row.config), stages[task - 1], commits[task], commits[after],
                    tuple(commits[earlier] for earlier in sorted(commits) if earlier <= after), selection,
                    reads.trial(run, task, selection.chosen), tested)


def material(found: Recorded, place: Place) -> Material:
    """Read the networks and load the data, if it matches the recorded digest.

    Raises:
        ArtifactError: weights are missing or damaged.
        DataError: the data is missing, damaged, or has changed.
        ConfigError: a custom benchmark cannot be imported.
    """
    store = ArtifactStore(place.storage)
    own = get_network(store, found.commit.digest)[0]
    same = found.taken_from.digest == found.commit.digest
    taken_from = own if same else get_network(store, found.taken_from.digest)[0]
    benchmark = plan.benchmark_spec(found.config)
    data = load_task(benchmark, found.task)
    if data.split_digest() != found.stage.split_digest:
        raise DataError(f"the data of task {found.task} of {benchmark.name!r} has changed since the task was swept",
                        "restore the old data or benchmark code; an export is verified with the data of its task")
    return Material(own, taken_from, data, task_origin(benchmark, found.task))
