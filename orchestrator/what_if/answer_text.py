"""How an answer to "what if the margin were another one" reads."""

from collections.abc import Sequence

from clnp_core.selection import PrunedTrial, Score, ThresholdMode
from clnp_core.words import plural
from orchestrator.render.matrices import percent
from orchestrator.runs.recorded_config import score_of, selection_section
from orchestrator.what_if.margins import StageRecord
from orchestrator.what_if.recorded_stages import SelectedStage


def known_as(exact: bool, sparsest: bool) -> str:
    """How a number of free neurons is to be read."""
    return "exact" if exact else "at least" if sparsest else "about"


def sentence(record: StageRecord, chosen: PrunedTrial, then: PrunedTrial, exact: bool) -> str:
    """Who is chosen at a margin, and how that differs from what was (``then``)."""
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
    """What a margin means for the run.

    Args:
        points: the margin.
        task: the first task that comes out otherwise, or may; None: no one does.
        surely: it does.
        stages: that were asked about.
    """
    margin = f"a margin of {points} percentage point{'' if points == '1' else 's'}"
    asked = [stage.task for stage in stages]
    earlier = "" if asked[0] == 1 else (f" Tasks before task {asked[0]} were not asked about: where this margin changes one of "
                                        f"them, task {asked[0]} would stand on another base itself.")
    if task is None:
        what = f"task {asked[0]}" if len(asked) == 1 else f"all {len(asked)} tasks that are selected"
        return f"With {margin} {what} would come out as recorded.{earlier}"
    last = next(stage for stage in stages if stage.task == task).learnt_under.tasks
    how = "comes out otherwise" if surely else "may come out otherwise"
    if task == last:
        return f"With {margin} task {task} {how}; no task comes after it.{earlier}"
    later = f"task {last}" if task == last - 1 else f"tasks {task + 1} to {last}"
    judged = "" if asked[-1] <= task else (": what is said of them here judges their recorded trials, on the base that is "
                                           "recorded")
    return (f"BEWARE: with {margin} task {task} {how}. Then {later} would stand on another base and come out "
            f"otherwise, too{judged}.{earlier}")


def cautions(run: str, stages: Sequence[SelectedStage], inexact: Sequence[int]) -> tuple[str, ...]:
    """What the answers leave out.

    Args:
        run: that was asked about.
        stages: that were asked about.
        inexact: the tasks of those for which some answer is not exact.
    """
    said: list[str] = []
    curves = [stage for stage in stages if stage.task in inexact]
    if any(stage.record.sparsest for stage in curves):
        points = selection_section(curves[0].learnt_under).get("curve_points", 100)
        said.append(f"\"at least\": of a trial's thresholds about {points} are recorded. The highest recorded one within the "
                    "margin frees so many neurons. The exact one may lie above it and free more, and then another trial may be "
                    "the sparsest.")
    if any(not stage.record.sparsest for stage in curves):
        said.append("\"about\": the trade-off was weighed among the recorded points of the threshold curves. Their counts can "
                    "be off by a sample that stands on the edge, and the highest threshold within the margin, which competes "
                    "as well, is none of them.")
    if any(stage.record.mode is ThresholdMode.PER_LAYER for stage in curves):
        said.append("The recorded curves have one threshold for all layers. The selection looks for one per layer, which frees "
                    "more.")
    for score in sorted({score_of(stage.learnt_under) for stage in stages} - {Score.ACTIVITY}):
        said.append(f"Thresholds are on the score {score}. Another score orders the neurons differently, and its trials are "
                    f"measured anew: `clnp fork {run} --task 0 --set selection.score=…`.")
    if any(stage.learnt_under.config.get("fine_tuning") for stage in stages):
        said.append("The run fine-tunes what was pruned. What that would make of another network is not predicted: accuracies "
                    "here are of the pruned networks.")
    if any(_sampler(stage) != "grid" for stage in stages):
        said.append(f"The sampler {_sampler(stages[0])} drew the trials. A fork draws its own, so it may have others to choose "
                    "from.")
    said += [f"Task {stage.task} was taken over from run {stage.learnt_under.name}, under whose config it is judged."
             for stage in stages if stage.learnt_under.name != run]
    return tuple(said)


def _sampler(stage: SelectedStage) -> str:
    sweep = stage.learnt_under.config.get("sweep")
    return str(sweep.get("sampler", "grid")) if isinstance(sweep, dict) else "grid"
