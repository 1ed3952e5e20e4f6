"""Handle on a run: its records (:mod:`orchestrator.notebook.run_tables`), its parts, and its actions
(:mod:`orchestrator.notebook.run_actions`)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clnp_core.errors import NotFoundError
from db.states import StageState
from orchestrator.figures.registry import RUN_FIGURES, run_figure
from orchestrator.notebook.commit_handle import Commit
from orchestrator.notebook.figure_handle import Figures
from orchestrator.notebook.handle import Shown
from orchestrator.notebook.run_actions import RunDeeds
from orchestrator.notebook.run_tables import RunTables
from orchestrator.notebook.stage_handle import Stage, Trial
from orchestrator.render.format import NOTHING, plural, points_text
from orchestrator.render.matrices import percent
from orchestrator.render.table import Column, number
from orchestrator.runs.location import Place

if TYPE_CHECKING:
    from db.reads.reads import Reads
    from orchestrator.driver.launch import Overrides
    from orchestrator.events.events import Progress


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
