"""What becomes of a task that is learnt too badly."""

from fractions import Fraction

from clnp_core.errors import RunFailedError
from orchestrator.driver.stages.context import RunContext


def require_accuracy(run: RunContext, task: int, correct: int, total: int, what: str) -> None:
    """Refuse to go on with a task whose validation accuracy is below ``selection.minimum_accuracy``.

    Args:
        run: that learns it.
        task: counted from 1.
        correct: validation samples that are right.
        total: all validation samples.
        what: has this accuracy, for the error.

    Raises:
        RunFailedError: it is.
    """
    least = run.config.selection.minimum_accuracy
    if least is None or not total or Fraction(correct, total) >= Fraction(least):
        return
    raise RunFailedError(
        f"task {task}: {what} reaches {100 * correct / total:.2f} % on validation, and selection.minimum_accuracy asks for "
        f"{float(100 * least):g} %",
        f"`clnp show {run.name} --task {task}` shows its trials; `clnp fork {run.name} --task {task - 1} --set A.B=C` learns "
        "it under other settings")
