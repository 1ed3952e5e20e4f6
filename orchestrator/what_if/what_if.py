"""What another margin would have chosen, from the recorded trials: nothing is trained, and by default no weights are read.

Each task is evaluated on its recorded base network. If a margin changes the choice, later tasks would have another base
network, so their answers only hold for their recorded trials; :class:`Consequence` says so, and how to apply the change.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from clnp_core.errors import ConfigError
from clnp_core.selection import PrunedTrial, SelectionRule, Thresholds, Verdict
from db.reads.curves import most_correct_points, points_within, sparsest_within, stage_points
from db.reads.reads import Reads
from orchestrator.what_if.answer_text import cautions, consequence, sentence
from orchestrator.what_if.margin_curve import Candidate, margin_steps
from orchestrator.what_if.margins import NOTHING_SCANNED, Outcome, at_margin, canonical
from orchestrator.what_if.recorded_stages import SearchAnswer, SelectedStage, search_answers, selected_stages

__all__ = [
    "Consequence", "MarginPoint", "Scans", "TaskAnswer", "TrialAnswer", "WhatIf", "ask", "canonical", "margin_curve",
    "margin_points", "thinned"]

PLAIN_DECIMAL = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?", re.ASCII)

Scans = Callable[[SelectedStage, Decimal, Outcome], Mapping[int, PrunedTrial]]
"""Scans stored weights of a stage for a margin, given the outcome from the records; returns results by trial."""


@dataclass(frozen=True, slots=True)
class MarginPoint:
    """The choice for one task from this margin up to that of the task's next point.

    Attributes:
        task: counted from 1.
        margin_points: m, in percentage points.
        chosen: number of the trial that would be chosen.
        val_accuracy: its validation accuracy after pruning, a fraction.
        free_neurons: free neurons after pruning, over all hidden layers.
        free_fraction: the same as a fraction of all hidden neurons.
        exact: whether it is exactly the result of the selection; otherwise it is from the recorded threshold curves.
        recorded: whether the task was selected with this margin.
    """

    task: int
    margin_points: Decimal
    chosen: int
    val_accuracy: float
    free_neurons: int
    free_fraction: float
    exact: bool
    recorded: bool = False


@dataclass(frozen=True, slots=True)
class TrialAnswer:
    """The result of one trial at a margin. Outside the margin the last three fields are None, and ``exact`` is false."""

    number: int
    verdict: Verdict
    reason: str
    exact: bool
    thresholds: Thresholds | None
    val_correct: int | None
    free_neurons: int | None


@dataclass(frozen=True, slots=True)
class TaskAnswer:
    """The choice for one task at a margin, on the recorded base network, and the recorded choice.

    Attributes:
        task: counted from 1.
        margin_points: m, in percentage points.
        recorded_margin_points: margin of the selection.
        rule: selection rule.
        capacity_weight_points: cost of a fair share at m, percentage points; None with the paper's rule.
        best_val_correct, required_val_correct, val_total: correct validation samples of the best trial, the fewest within the
            margin, and all there are.
        picked: the trials within the margin.
        chosen: number of the chosen trial.
        thresholds, val_correct, val_accuracy, free_neurons, free_fraction: of the chosen trial after pruning.
        hidden_total: neurons over all hidden layers.
        exact: whether it is exactly the result of the selection; otherwise it is from the recorded threshold curves.
        recorded_chosen, recorded_val_correct, recorded_free_neurons: of the recorded selection.
        changed: whether the network differs from the recorded choice.
        sentence: the answer as text.
        verdicts: verdicts of every trial, if one task was requested.
    """

    task: int
    margin_points: Decimal
    recorded_margin_points: str
    rule: SelectionRule
    capacity_weight_points: str | None
    best_val_correct: int
    required_val_correct: int
    val_total: int
    picked: tuple[int, ...]
    chosen: int
    thresholds: Thresholds
    val_correct: int
    val_accuracy: float
    free_neurons: int
    hidden_total: int
    free_fraction: float
    exact: bool
    recorded_chosen: int
    recorded_val_correct: int
    recorded_free_neurons: int
    changed: bool
    sentence: str
    verdicts: tuple[TrialAnswer, ...] = ()


@dataclass(frozen=True, slots=True)
class Consequence:
    """The effect of a margin on the run.

    Attributes:
        margin_points: m, in percentage points.
        first_changed: the first requested task that would change, or may change.
        sentence: the effect on later tasks, as text.
        command: the command that applies the margin; None if nothing would change.
    """

    margin_points: Decimal
    first_changed: int | None
    sentence: str
    command: str | None


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The answers about a run: by margin as requested, then by task; the effect of every margin; limitations; and which of the
    recorded candidates of searches each margin would commit."""

    run: str
    answers: tuple[TaskAnswer, ...]
    consequences: tuple[Consequence, ...]
    cautions: tuple[str, ...]
    searches: tuple[SearchAnswer, ...] = ()


def margin_points(text: str) -> Decimal:
    """Parse a margin: an exact decimal from 0 to 100, in percentage points.

    Raises:
        ConfigError: it is not a margin.
    """
    if not PLAIN_DECIMAL.fullmatch(text.strip()) or Decimal(text) > 100:
        raise ConfigError(f"the margin {text!r} is not a number from 0 to 100",
                          "a margin is in percentage points of validation accuracy, with at most 20 digits after the point: "
                          "for example 0.5")
    return Decimal(canonical(Decimal(text)))


def ask(reads: Reads, run: str, margins: Sequence[Decimal], task: int | None = None, scan: Scans | None = None) -> WhatIf:
    """Return what other margins would have chosen.

    Args:
        reads: of the database.
        run: the run.
        margins: margins in percentage points, from :func:`margin_points`.
        task: only this task, with a verdict for every trial; None for all selected tasks.
        scan: scans stored weights where the records are not exact (:mod:`orchestrator.what_if.rescan`).

    Raises:
        NotFoundError: no such run or task.
        StateError: nothing is selected yet.
    """
    stages, answers, consequences = selected_stages(reads, run, task), list[TaskAnswer](), list[Consequence]()
    for margin in margins:
        of_margin = []
        for stage in stages:
            points = _points_within(reads, run, stage, margin)
            outcome, scanned = at_margin(stage.record, margin, points), NOTHING_SCANNED
            if scan is not None and not outcome.decided:
                scanned = scan(stage, margin, outcome)
                outcome = at_margin(stage.record, margin, points, scanned)
            of_margin.append(_answer(stage, margin, outcome, task is not None))
        answers += of_margin
        consequences.append(_consequence(stages, margin, of_margin))
    inexact = sorted({answer.task for answer in answers if not answer.exact})
    searches = [(commit.task, commit.search) for commit in reads.commits(run, task) if commit.search is not None]
    return WhatIf(run, tuple(answers), tuple(consequences), cautions(run, stages, inexact), search_answers(searches, margins))


def margin_curve(reads: Reads, run: str, task: int | None = None) -> tuple[MarginPoint, ...]:
    """Return accuracy against free capacity over all margins from 0 to 100: a point at every change of the choice.

    Args:
        reads: of the database.
        run: the run.
        task: only this task; None for all selected tasks.

    Returns:
        The points by task and margin, including the recorded margin.

    Raises:
        NotFoundError: no such run or task.
        StateError: nothing is selected yet.
    """
    return tuple(point for stage in selected_stages(reads, run, task) for point in _curve(reads, run, stage))


def thinned(points: Sequence[MarginPoint], most: int) -> tuple[MarginPoint, ...]:
    """Return at most about ``most`` evenly spaced points per task, including the first, the last and the recorded one."""
    kept: list[MarginPoint] = []
    for task in sorted({point.task for point in points}):
        own = [point for point in points if point.task == task]
        places = {round(place * (len(own) - 1) / max(1, most - 1)) for place in range(most)} if len(own) > most else set(range(
            len(own)))
        kept += [point for place, point in enumerate(own) if place in places or point.recorded]
    return tuple(kept)


def _curve(reads: Reads, run: str, stage: SelectedStage) -> list[MarginPoint]:
    record = stage.record
    found = stage_points(reads, run, stage.task, record.judged_at if record.sparsest else None)
    candidates = [Candidate(point.most_required, point.val_correct, point.free_neurons, point.number) for point in found]
    steps = margin_steps(record, candidates, {} if record.sparsest else most_correct_points(reads, run, stage.task))
    return [MarginPoint(stage.task, step.margin_points, step.number, step.val_correct / record.val_total, step.free_neurons,
                        step.free_neurons / record.hidden_total, step.exact, step.margin_points == record.margin_points)
            for step in steps]


def _points_within(reads: Reads, run: str, stage: SelectedStage, margin: Decimal) -> dict[int, list[PrunedTrial]]:
    """Return the points of each trial's curve that may be chosen at a margin."""
    record, task = stage.record, stage.task
    required = record.required(margin)
    rows = (sparsest_within(reads, run, task, required, record.judged_at) if record.sparsest
            else points_within(reads, run, task, required))
    points: dict[int, list[PrunedTrial]] = {}
    for row in rows:
        points.setdefault(row.number, []).append(
            PrunedTrial(row.number, (row.threshold,) * record.depth, row.val_correct, row.free_neurons))
    return points


def _answer(stage: SelectedStage, margin: Decimal, outcome: Outcome, with_verdicts: bool) -> TaskAnswer:
    record, recorded, chosen, picked = stage.record, stage.selection, outcome.selection.chosen, outcome.selection.pick
    weight = record.weight(margin)
    then = PrunedTrial(recorded.chosen, recorded.thresholds, recorded.pruned_val_correct, recorded.free_neurons)
    verdicts = tuple(
        TrialAnswer(each.number, each.verdict, each.reason, each.number in outcome.exact,
                    each.pruned.thresholds if each.pruned else None, each.pruned.val_correct if each.pruned else None,
                    each.pruned.free_neurons if each.pruned else None)
        for each in outcome.selection.verdicts) if with_verdicts else ()
    return TaskAnswer(
        stage.task, margin, recorded.margin_points, record.rule, None if weight is None else canonical(weight),
        picked.best_val_correct, picked.required_val_correct, picked.val_total, picked.picked, chosen.number,
        chosen.thresholds, chosen.val_correct, chosen.val_correct / picked.val_total, chosen.free_neurons, record.hidden_total,
        chosen.free_neurons / record.hidden_total, outcome.decided, then.number, then.val_correct, then.free_neurons,
        chosen != then, sentence(record, chosen, then, outcome.decided), verdicts)


def _consequence(stages: Sequence[SelectedStage], margin: Decimal, answers: Sequence[TaskAnswer]) -> Consequence:
    first = next((stage for stage, answer in zip(stages, answers, strict=True) if answer.changed or not answer.exact), None)
    if first is None:
        return Consequence(margin, None, consequence(canonical(margin), None, False, stages), None)
    answer = next(answer for answer in answers if answer.task == first.task)
    surely = answer.changed and (answer.exact or first.record.sparsest)
    return Consequence(margin, first.task, consequence(canonical(margin), first.task, surely, stages),
                       f"clnp fork {first.learnt_under.name} --task {first.task - 1} "
                       f"--set selection.margin_points={canonical(margin)}")
