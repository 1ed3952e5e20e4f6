"""How the steps of a run read, one line each: the same on a screen and in a log."""

from collections.abc import Sequence

from orchestrator.config.sweep_section import GridPoint
from orchestrator.events.events import INTERRUPTED


def step_line(text: str, within: bool = False) -> str:
    """Something begins that takes a while; ``within`` the sweep of a task that has been told."""
    return f"{'  ' if within else ''}{text} …"


def run_line(run: str, trials_by_task: Sequence[int], parallel: int, left: int, pack: int) -> str:
    """How much a run is, and how much of it is left."""
    side_by_side = f"{parallel} side by side" if pack == 1 else f"{counted(parallel, 'pack')} of {pack} side by side"
    return (f"run {run}: {counted(len(trials_by_task), 'task')}, {counted(sum(trials_by_task), 'trial')}, {left} of them still "
            f"to run, {side_by_side}")


def stage_line(task: int, tasks: int, trials: int, finished: int) -> str:
    """A sweep begins."""
    already = f", {finished} already recorded" if finished else ""
    return f"task {task} of {tasks}: sweeping {counted(trials, 'trial')}{already}"


def selecting_line(picked: Sequence[int], best_accuracy: float) -> str:
    """A sweep has ended."""
    numbers = ", ".join(str(number) for number in picked)
    return (f"  best on validation {best_accuracy:.2%}; pruning what is within the margin: "
            f"{'trial' if len(picked) == 1 else 'trials'} {numbers}")


def commit_line(task: int, chosen: int, test_accuracy: float, used_percent: Sequence[float]) -> str:
    """A task is committed; ``used_percent`` is empty where the network is not divided, pruned or proven."""
    if not used_percent:
        return f"  committed task {task}: trial {chosen}, {test_accuracy:.2%} on test"
    proof = "; all earlier tasks bit-identical" if task > 1 else ""
    used = " / ".join(f"{percent:.0f} %" for percent in used_percent)
    return f"  committed task {task}: trial {chosen}, {test_accuracy:.2%} on test after pruning, neurons used {used}{proof}"


def stopping_line(reason: str) -> str:
    """Somebody asked for a stop."""
    again = "; once more to interrupt at once" if reason == INTERRUPTED else ""
    return f"stopping cleanly ({reason}){again}"


def counted(number: int, what: str) -> str:
    """``1 trial``, ``2 trials``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def alpha_words(point: GridPoint) -> str:
    """α, once where all layers share it."""
    alphas = [f"{alpha:g}" for alpha in point.alpha]
    return alphas[0] if len(set(alphas)) == 1 else "[" + ", ".join(alphas) + "]"


def point_words(point: GridPoint) -> str:
    """α and learning rate."""
    return f"α {alpha_words(point)}, rate {point.learning_rate:g}"


def duration(seconds: float) -> str:
    """``40 s``, ``12 min``, ``2.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
