"""Handle on a run: its records, its parts, and its actions (:mod:`orchestrator.notebook.run_actions`)."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from clnp_core.errors import NotFoundError
from db import dataframes
from db.rows import RunRow
from db.states import RunState, StageState
from orchestrator.figures.registry import RUN_FIGURES, run_figure
from orchestrator.notebook.commit_handle import Commit
from orchestrator.notebook.figure_handle import Figures
from orchestrator.notebook.handle import Drawn, Shown
from orchestrator.notebook.run_actions import RunDeeds
from orchestrator.notebook.stage_handle import Stage, Trial
from orchestrator.render.format import NOTHING, plural, points_text
from orchestrator.render.matrices import percent
from orchestrator.render.table import Column, number
from orchestrator.runs.location import Place

if TYPE_CHECKING:
    from pandas import DataFrame

    from db.reads.reads import Reads
    from orchestrator.driver.launch import Overrides
    from orchestrator.events.events import Progress


class RunTables(Drawn):
    """The records of a run's handle. Accuracies in DataFrames are fractions; columns are those of :mod:`db.rows`."""

    __slots__ = ()

    name: str
    """Name of the run."""

    @property
    def row(self) -> RunRow:
        """Its record, read now."""
        with self.place.reads() as reads:
            return reads.run(self.name)

    @property
    def state(self) -> RunState:
        """Its current or final state."""
        return self.row.state

    @property
    def tasks(self) -> int:
        """Number of its tasks."""
        return self.row.tasks

    @property
    def tasks_committed(self) -> int:
        """Number of its committed tasks."""
        return self.row.tasks_committed

    @property
    def benchmark(self) -> str:
        """Name of its benchmark."""
        return self.row.benchmark

    @property
    def seed(self) -> int:
        """The seed of all randomness."""
        return self.row.seed

    @property
    def margin_points(self) -> str:
        """The margin m in percentage points, as text, since it is exact."""
        return self.row.margin_points

    @property
    def config(self) -> dict[str, object]:
        """Its complete configuration with all defaults."""
        return self.row.config

    @property
    def environment(self) -> dict[str, object] | None:
        """What its results depend on besides the config: device, torch, code, threads. None before its first driver."""
        return self.row.environment

    @property
    def forked_from(self) -> str | None:
        """The run whose commit it continues from; None if it is no fork, or that run has been removed."""
        return self.row.forked_from

    @property
    def forked_after_task(self) -> int | None:
        """The task of that commit."""
        return self.row.forked_after_task

    @property
    def created_at(self) -> datetime:
        """Time of its creation, UTC."""
        return self.row.created_at

    @property
    def driver_lives(self) -> bool:
        """Whether it has a running driver, on any machine."""
        return self.row.driver_lives

    def stages(self) -> "DataFrame":
        """Return one row per task: state, data, trials by state."""
        return dataframes.stages(self.name, self.place.url)

    def trials(self, task: int | None = None) -> "DataFrame":
        """Return one row per trial, of all tasks or of one, with its verdict and the reason.

        Raises:
            NotFoundError: there is no such task.
        """
        return dataframes.trials(self.name, task, self.place.url)

    def selections(self) -> "DataFrame":
        """Return one row per selected task: the chosen trial and the reason."""
        return dataframes.selections(self.name, None, self.place.url)

    def commits(self) -> "DataFrame":
        """Return one row per committed task: digest, proof, validation count."""
        return dataframes.commits(self.name, None, self.place.url)

    def capacity(self) -> "DataFrame":
        """Return one row per commit and hidden layer: neurons used, new, reused, free."""
        return dataframes.capacity(self.name, self.place.url)

    def accuracy_matrix(self) -> "DataFrame":
        """Return test accuracy, a fraction: one row per commit (``after_task``), one column per task (``on_task``)."""
        return dataframes.accuracy_matrix(self.name, self.place.url)

    def evaluations(self) -> "DataFrame":
        """Return the accuracy matrix as one row per cell, with exact counts."""
        return dataframes.evaluations(self.name, self.place.url)

    def events(self) -> "DataFrame":
        """Return its events, oldest first."""
        return dataframes.events(self.name, self.place.url)


@dataclass(frozen=True, slots=True, repr=False)
class Run(RunTables, RunDeeds):
    """A handle on a recorded run, returned by :func:`clnp.run` and by functions that drive one."""

    name: str
    place: Place

    def stage(self, task: int) -> Stage:
        """Return a task, numbered from 1.

        Raises:
            NotFoundError: there is no such task.
        """
        with self.place.reads() as reads:
            _require_task(reads, self.name, task)
        return Stage(self.name, task, self.place)

    def trial(self, task: int, number: int) -> Trial:
        """Return a trial of a task; trials are numbered from 0.

        Raises:
            NotFoundError: there is no such task or trial.
        """
        return self.stage(task).trial(number)

    def commit(self, task: int | None = None) -> Commit:
        """Return the network that was committed with a task; None for the last one.

        Raises:
            NotFoundError: there is no such task, or it is not committed yet.
        """
        with self.place.reads() as reads:
            row = reads.run(self.name)
            wanted = row.tasks_committed if task is None else task
            if task is not None:
                _require_task(reads, self.name, task)
            if wanted == 0 or not reads.commits(self.name, wanted):
                what = "commit" if task is None else f"commit of task {task}"
                raise NotFoundError(f"run {self.name!r} has no {what} yet",
                                    f"{row.tasks_committed} of {plural(row.tasks, 'task')} committed; it is {row.state.value}")
        return Commit(self.name, wanted, self.place)

    @property
    def figures(self) -> Figures:
        """Its figures: accuracy matrix, capacity after each task."""
        return Figures(self._called(), RUN_FIGURES, self.place, lambda reads, name: run_figure(reads, self.name, name))

    def fork(self, after_task: int, *, name: str | None = None, overrides: "Overrides" = (), accept_environment: bool = False,
             progress: "Progress | None" = None) -> "Run":
        """Continue from one of its commits as a new run, in this process, see :func:`clnp.fork`."""
        from orchestrator.driver.launch import fork_run

        forked = fork_run(self.place, self.name, after_task, name, overrides, accept_environment, progress)
        return Run(forked, self.place)

    def _called(self) -> str:
        return f"Run {self.name}"

    def _show(self) -> Shown:
        with self.place.reads() as reads:
            run, stages, cells = reads.run(self.name), reads.stages(self.name), reads.accuracy_matrix(self.name)
            chosen = {selection.task: str(selection.chosen) for selection in reads.selections(self.name)}
            used: dict[int, list[str]] = {}
            for row in reads.capacity(self.name):
                used.setdefault(row.task, []).append(f"{100 * row.used_fraction:.0f}")
        tested = {cell.on_task: percent(cell.test_accuracy) for cell in cells if cell.after_task == cell.on_task}
        heading = (f"Run {run.name} is {run.state.value}: {run.tasks_committed} of {plural(run.tasks, 'task')} committed "
                   f"({run.benchmark}, margin {points_text(run.margin_points)}).")
        columns = (number("task"), Column("state"), number("trials"), number("chosen"), number("test %"), number("used %"))
        rows = [(str(stage.task), stage.state.value, _trials(stage.trials_finished + stage.trials_failed, stage.trials_total),
                 chosen.get(stage.task, NOTHING), tested.get(stage.task, NOTHING), " / ".join(used.get(stage.task, [NOTHING])))
                for stage in stages]
        open_stage = next((stage for stage in stages if stage.state is not StageState.COMMITTED), None)
        why = (f"Task {open_stage.task}: {open_stage.reason}",) if open_stage and open_stage.reason else ()
        return Shown(heading, columns, rows, notes=why)


def _trials(ended: int, total: int) -> str:
    return NOTHING if not total else f"{total}" if ended == total else f"{ended} of {total}"


def _require_task(reads: "Reads", run: str, task: int) -> None:
    if not isinstance(task, int):
        raise NotFoundError(f"run {run!r} has no task {task!r}", "tasks are whole numbers, counted from 1")
    reads.stage(run, task)
