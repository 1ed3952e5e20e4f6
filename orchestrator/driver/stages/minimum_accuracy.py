"""The check of ``selection.minimum_accuracy``."""

from fractions import Fraction

from clnp_core.errors import RunFailedError
from orchestrator.driver.stages.context import RunContext


def require_accuracy(run: RunContext, task: int, correct: int, total: int, what: str) -> None:
    """Fail a task whose validation accuracy is below ``selection.minimum_accuracy``.

    Args:
        run: the run.
        task: counted from 1.
        correct: number of correct validation samples.
        total: number of validation samples.
        what: what has this accuracy, for the error message.

    Raises:
        RunFailedError: the accuracy is too low.
    """
    least = run.config.selection.minimum_accuracy
    if least is None or not total or Fraction(correct, total) >= Fraction(least):
        return
    raise RunFailedError(
        f"task {task}: {what} reaches {100 * correct / total:.2f} % on validation, and selection.minimum_accuracy is "
        f"{float(100 * least):g} %",
        f"`clnp show {run.name} --task {task}` shows its trials; `clnp fork {run.name} --task {task - 1} --set A.B=C` learns "
        "it with other settings")
