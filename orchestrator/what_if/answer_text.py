"""Text of the answers of `clnp what-if`."""

from collections.abc import Sequence

from clnp_core.selection import PrunedTrial, Score, ThresholdMode
from clnp_core.words import plural
from orchestrator.render.matrices import percent
from orchestrator.runs.recorded_config import score_of, selection_section
from orchestrator.what_if.margins import StageRecord
from orchestrator.what_if.recorded_stages import SelectedStage


def known_as(exact: bool, sparsest: bool) -> str:
    """Return how a number of free neurons is to be understood."""
    return "exact" if exact else "at least" if sparsest else "about"


def sentence(record: StageRecord, chosen: PrunedTrial, then: PrunedTrial, exact: bool) -> str:
    """Return which trial is chosen at a margin, and how it differs from the recorded choice (``then``)."""
    def numbers(pruned: PrunedTrial) -> str:
        return f"{plural(pruned.free_neurons, 'neuron')} free at {percent(pruned.val_correct / record.val_total)} %"

    if chosen == then and exact:
        return f"trial {then.number} as it was: {numbers(then)}"
    who = f"trial {chosen.number}" + ("" if chosen.number == then.number else f" instead of {then.number}")
    bound = "" if exact else f"{known_as(exact, record.sparsest)} "
    if chosen == then:
        return f"{who}: {bound}the {numbers(then)} that it was"
    return f"{who}: {bound}{numbers(chosen)}, where it was {numbers(then)}"


def consequence(points: str, task: int | None, surely: bool, stages: Sequence[SelectedStage]) -> str:
    """Return what a margin means for the run.

    Args:
        points: the margin.
        task: the first task that changes, or may change; None if none does.
        surely: whether it certainly changes.
        stages: the requested stages.
    """
    margin = f"a margin of {points} percentage point{'' if points == '1' else 's'}"
    asked = [stage.task for stage in stages]
    earlier = "" if asked[0] == 1 else (f" Tasks before task {asked[0]} were not included: if this margin changes one of "
                                        f"them, task {asked[0]} itself would have another base network.")
    if task is None:
        what = f"task {asked[0]}" if len(asked) == 1 else f"all {len(asked)} tasks that are selected"
        return f"With {margin} {what} would not change.{earlier}"
    last = next(stage for stage in stages if stage.task == task).learnt_under.tasks
    how = "changes" if surely else "may change"
    if task == last:
        return f"With {margin} task {task} {how}; no task follows.{earlier}"
    later = f"task {last}" if task == last - 1 else f"tasks {task + 1} to {last}"
    judged = "" if asked[-1] <= task else (": their answers here are for their recorded trials, on the recorded base "
                                           "network")
    return (f"Warning: with {margin} task {task} {how}. Then {later} would have another base network and change, "
            f"too{judged}.{earlier}")


def cautions(run: str, stages: Sequence[SelectedStage], inexact: Sequence[int]) -> tuple[str, ...]:
    """Return the limitations of the answers.

    Args:
        run: the run.
        stages: the requested stages.
        inexact: tasks with an answer that is not exact.
    """
    said: list[str] = []
    curves = [stage for stage in stages if stage.task in inexact]
    if any(stage.record.sparsest for stage in curves):
        points = selection_section(curves[0].learnt_under).get("curve_points", 100)
        said.append(f"\"at least\": about {points} thresholds of each trial are recorded. The highest recorded one within the "
                    "margin frees this many neurons. The exact one may be higher and free more, and then another trial may be "
                    "the sparsest.")
    if any(not stage.record.sparsest for stage in curves):
        said.append("\"about\": the trade-off was computed for the recorded points of the threshold curves. Their counts can "
                    "be off by a borderline sample, and they do not include the highest threshold within the margin, which is "
                    "also a candidate.")
    if any(stage.record.mode is ThresholdMode.PER_LAYER for stage in curves):
        said.append("The recorded curves have one threshold for all layers. The selection searches one per layer, which frees "
                    "more.")
    for score in sorted({score_of(stage.learnt_under) for stage in stages} - {Score.ACTIVITY}):
        said.append(f"Thresholds are on the score {score}. Another score orders the neurons differently, and its trials are "
                    f"measured anew: `clnp fork {run} --task 0 --set selection.score=…`.")
    if any(stage.learnt_under.config.get("fine_tuning") for stage in stages):
        said.append("The run fine-tunes the pruned network. The effect of that on another network is not predicted: accuracies "
                    "here are of the pruned networks.")
    if any((stage.learnt_under.config.get("fine_tuning") or {}).get("search") for stage in stages):
        said.append("The candidates of a search were cut from the network that the recorded margin pruned. Another margin "
                    "starts from another one.")
    if any(_sampler(stage) != "grid" for stage in stages):
        said.append(f"The sampler {_sampler(stages[0])} drew the trials. A fork draws its own, so it may choose among "
                    "others.")
    said += [f"Task {stage.task} was inherited from run {stage.learnt_under.name}, whose config is used for it."
             for stage in stages if stage.learnt_under.name != run]
    return tuple(said)


def _sampler(stage: SelectedStage) -> str:
    sweep = stage.learnt_under.config.get("sweep")
    return str(sweep.get("sampler", "grid")) if isinstance(sweep, dict) else "grid"
