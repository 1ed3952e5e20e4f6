"""Read what a run recorded for other margins: its selected stages, for :mod:`orchestrator.what_if.margins`, and the candidates
of its searches (docs/distillation.md).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from clnp_core.errors import StateError
from clnp_core.selection import FailedTrial, PrunedTrial, SelectionRule, ThresholdMode, TrainedTrial, required_correct
from clnp_core.values import CutSearch
from clnp_core.words import plural
from db.reads.curves import EndedTrial, ended_trials
from db.reads.reads import Reads
from db.rows import RunRow, SelectionRow
from db.states import TrialState
from orchestrator.render.matrices import percent
from orchestrator.render.run_summary import neurons_text
from orchestrator.runs.recorded_config import learnt_under, selection_section
from orchestrator.what_if.margins import StageRecord, canonical
from workers.methods import recorded_method


@dataclass(frozen=True, slots=True)
class SelectedStage:
    """A stage that was selected.

    Attributes:
        task: counted from 1.
        selection: the recorded selection.
        record: the numbers needed for any margin.
        learnt_under: the run whose config it was learnt with; for an inherited task of a fork, the source run, if it still
            exists.
        artifacts: digest of each trained network by number, whether or not its bytes are kept.
    """

    task: int
    selection: SelectionRow
    record: StageRecord
    learnt_under: RunRow
    artifacts: Mapping[int, str]


def selected_stages(reads: Reads, run: str, task: int | None = None) -> list[SelectedStage]:
    """Return the selected tasks of a run, or one of them.

    Raises:
        NotFoundError: no such run or task.
        StateError: nothing is selected yet.
    """
    row, selections = reads.run(run), reads.selections(run, task)
    method = recorded_method(row.method)
    if method is None or not method.divides_the_network:
        raise StateError(f"run {run!r} was made with method {row.method}, which does not prune and has no margin",
                         "only runs of method clnp have margins")
    if not selections:
        what = f"run {run!r} has no selection yet" if task is None else f"task {task} of run {run!r} is not selected yet"
        raise StateError(what, f"other margins need a selection: `clnp status {run}` shows the progress of the run")
    used: dict[int, int] = {}
    for layer in reads.capacity(run):
        used[layer.task] = used.get(layer.task, 0) + layer.used_neurons
    return [_stage(reads, row, selection, used.get(selection.task - 1, 0)) for selection in selections]


def _stage(reads: Reads, run: RunRow, selection: SelectionRow, used_before: int) -> SelectedStage:
    task, learnt = selection.task, learnt_under(reads, run, selection.task)
    ended, margin = ended_trials(reads, run.name, task), Decimal(selection.margin_points)
    finished = [trial for trial in ended if trial.state is TrialState.FINISHED]
    picked = set(selection.picked)
    found = {trial.number: pruned for trial in finished if trial.number in picked and (pruned := _found(trial)) is not None}
    record = StageRecord(
        tuple(TrainedTrial(trial.number, trial.val_correct or 0) for trial in finished),
        tuple(FailedTrial(trial.number, trial.failure_reason or "") for trial in ended if trial.state is TrialState.FAILED),
        found, selection.val_total, selection.hidden_total, len(selection.thresholds), _mode(learnt, found), selection.rule,
        _weight(learnt, selection), margin, required_correct(selection.best_val_correct, selection.val_total, margin),
        selection.hidden_total - used_before, learnt.tasks - task + 1)
    return SelectedStage(task, selection, record, learnt,
                         {trial.number: trial.artifact_digest for trial in finished if trial.artifact_digest is not None})


def _found(trial: EndedTrial) -> PrunedTrial | None:
    if trial.thresholds is None or trial.pruned_val_correct is None or trial.free_neurons is None:
        return None
    return PrunedTrial(trial.number, trial.thresholds, trial.pruned_val_correct, trial.free_neurons)


def _mode(run: RunRow, found: Mapping[int, PrunedTrial]) -> ThresholdMode:
    """Return the threshold mode of the config, or of the results if the stage was inherited by another config."""
    if any(len(set(pruned.thresholds)) > 1 for pruned in found.values()):
        return ThresholdMode.PER_LAYER
    return ThresholdMode(selection_section(run).get("threshold", ThresholdMode.SHARED))


def _weight(run: RunRow, selection: SelectionRow) -> Decimal | None:
    """Return the recorded cost of capacity; None if it equals the margin."""
    recorded = selection.capacity_weight_points
    if selection.rule is SelectionRule.SPARSEST or recorded is None:
        return None
    follows = selection_section(run).get("capacity_weight_points") is None and recorded == selection.margin_points
    return None if follows else Decimal(recorded)


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """What a margin would have committed for one task, among the candidates that its search recorded.

    Attributes:
        task: counted from 1.
        margin_points: m, in percentage points, counted from the recorded reference.
        required_val_correct, val_total: the fewest correct validation samples within the margin, and all there are.
        cut: of the sparsest candidate within the margin; 0, the network pruned at θ*, where there is none.
        neurons: of it, per hidden layer.
        val_correct: of it.
        within_margin: whether it is within the margin.
        at_most: with this margin the search would have made further cuts, so that a sparser one may be within it.
        recorded_cut: that was committed.
        sentence: all of this in words.
    """

    task: int
    margin_points: Decimal
    required_val_correct: int
    val_total: int
    cut: int
    neurons: tuple[int, ...]
    val_correct: int
    within_margin: bool
    at_most: bool
    recorded_cut: int
    sentence: str


def search_answers(searches: Sequence[tuple[int, CutSearch]], margins: Sequence[Decimal]) -> tuple[SearchAnswer, ...]:
    """By margin, then by task.

    Args:
        searches: task and search of every task that has one.
        margins: in percentage points.
    """
    return tuple(_answer(task, search, margin) for margin in margins for task, search in searches)


def _answer(task: int, search: CutSearch, margin: Decimal) -> SearchAnswer:
    required = required_correct(search.reference_val_correct, search.val_total, margin)
    found, further = search.sparsest(required), search.would_go_on(required)
    chosen = search.candidates[0] if found is None else found
    numbers = (f"{plural(sum(chosen.neurons), 'neuron')} ({neurons_text(chosen)}) at "
               f"{percent(chosen.val_correct / search.val_total)} % on validation")
    which = "as it was" if chosen.cut == search.chosen else f"instead of cut {search.chosen}"
    text = (f"task {task}, margin {canonical(margin)}: " + (
        f"cut {chosen.cut} {which}, {'at most ' if further else ''}{numbers}" if found is not None else
        f"no recorded candidate is within it, so cut 0 {which}, {numbers}"))
    return SearchAnswer(task, margin, required, search.val_total, chosen.cut, chosen.neurons, chosen.val_correct,
                        found is not None, further, search.chosen, text)
