"""Find a run, stage or trial by name, task or number; shared by the writes and the reads."""

import difflib
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from clnp_core.errors import NotFoundError
from db.schema.models import Run, RunGroup, Stage, Trial


def find_run(session: Session, name: str, lock: bool = False) -> Run:
    """Return the run with this name.

    Args:
        session: an open transaction.
        name: as on the command line.
        lock: hold the row until the transaction ends (SQLite holds the whole file already).

    Raises:
        NotFoundError: with similar names, or the runs of the group that has this name.
    """
    query = select(Run).where(Run.name == name)
    run = session.scalars(query.with_for_update() if lock else query).one_or_none()
    if run is None:
        of_group = session.scalars(select(Run.name).join(RunGroup, RunGroup.id == Run.group_id).where(RunGroup.name == name)
                                   .order_by(Run.id)).all()
        if of_group:
            raise NotFoundError(f"{name!r} is a group of runs, not a run", f"its runs are {', '.join(of_group)}")
        names = [*session.scalars(select(Run.name)), *session.scalars(select(RunGroup.name))]
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "`clnp ls` lists the runs"
        raise NotFoundError(f"there is no run {name!r}", hint)
    return run


def find_stage(session: Session, run_id: int, run_name: str, task: int) -> Stage:
    """Return one task of a run.

    Raises:
        NotFoundError: the run has no such task.
    """
    stage = session.scalars(select(Stage).where(Stage.run_id == run_id, Stage.task == task)).one_or_none()
    if stage is None:
        raise no_such_task(run_name, task, session.scalars(select(Stage.task).where(Stage.run_id == run_id)).all())
    return stage


def no_such_task(run_name: str, task: int, tasks: Sequence[int]) -> NotFoundError:
    """Return the error to raise if a run has no stage for a task.

    Args:
        run_name: the run.
        task: the task that was requested.
        tasks: the tasks that have stages.
    """
    first, last = min(tasks, default=0), max(tasks, default=0)
    if 1 <= task < first:
        return NotFoundError(f"run {run_name!r} learns tasks 1 to {last} at once, so task {task} has no stage of its own",
                             f"use task {last}, which represents all of them")
    there = f"its tasks are {first} to {last}" if first < last else f"its only task is {last}" if first == 1 else \
        f"task {last} represents all of its tasks"
    return NotFoundError(f"run {run_name!r} has no task {task}", there)


def find_trial(session: Session, stage: Stage, run_name: str, number: int) -> Trial:
    """Return one trial of a stage.

    Raises:
        NotFoundError: the stage has no such trial.
    """
    trial = session.scalars(select(Trial).where(Trial.stage_id == stage.id, Trial.number == number)).one_or_none()
    if trial is None:
        raise NotFoundError(f"task {stage.task} of run {run_name!r} has no trial {number}",
                            f"`clnp trials {run_name} --task {stage.task}` lists them")
    return trial
