"""Which teachers of a stage teach: said and recorded when its sweep ends, and looked up again by its commit."""

from collections.abc import Sequence

from clnp_core.errors import RunFailedError
from clnp_core.words import plural
from db.rows import TrialRow
from orchestrator.driver.stages.context import RunContext
from orchestrator.driver.teachers import teaching


def judge_teachers(run: RunContext, task: int, rows: Sequence[TrialRow]) -> None:
    """Record which teachers teach and why others do not, and say the latter. Nothing where the config asks for none.

    Args:
        run: that has trained them.
        task: counted from 1.
        rows: all trials of the task; they have ended.

    Raises:
        RunFailedError: there are fewer than ``teachers.count``, and ``teachers.required`` is true.
    """
    wanted = run.config.teachers
    if wanted is None:
        return
    found = teaching(rows, wanted.count)
    numbers = [row.number for row in found.teachers]
    reasons = [f"trial {number}: {reason}" for number, reason in found.left_out.items()]
    if wanted.required and len(numbers) < wanted.count:
        raise RunFailedError(
            f"task {task}: {len(numbers)} of {plural(wanted.count, 'teacher')} can teach, and teachers.required asks for all; "
            f"{'; '.join(reasons)}",
            f"`clnp fork {run.name} --task {task - 1} --set teachers.A=B` trains others, teachers.required=false continues "
            "without them")
    text = f"task {task}: {_said(numbers)}" + (f"; left out: {'; '.join(reasons)}" if reasons else "")
    run.store.event(run.lease, "teachers", text, {"task": task, "teachers": numbers, "left_out": {
        str(number): reason for number, reason in found.left_out.items()}})
    if reasons:
        run.progress.notice(f"  {text}")


def teachers_of(run: RunContext, task: int) -> tuple[TrialRow, ...]:
    """The teachers of a task whose sweep has ended, in the order of their numbers; none where none was wanted, or is left."""
    wanted = run.config.teachers
    return () if wanted is None else teaching(run.reads.trials(run.name, task), wanted.count).teachers


def _said(numbers: Sequence[int]) -> str:
    if not numbers:
        return "no teacher is left, and fine-tuning learns from the labels alone"
    return f"{'trial' if len(numbers) == 1 else 'trials'} {', '.join(map(str, numbers))} will teach the fine-tuning"
