"""SELECTING → COMMITTING: prune the picked trials and choose one by the rule of the config."""

import dataclasses
import time
from collections.abc import Sequence
from decimal import Decimal

from clnp_core.selection import (
    FailedTrial,
    Pick,
    PrunedTrial,
    Selection,
    SelectionRule,
    TrainedTrial,
    pick,
    select,
    select_most_accurate,
)
from clnp_core.tradeoff import TradeOff, select_by_trade_off
from clnp_core.values import TrialRole
from db.records import SelectionRecord
from db.rows import StageRow, TrialRow
from db.states import TrialState
from orchestrator.config.selection_section import points_text
from orchestrator.driver.stages.context import RunContext
from orchestrator.driver.stages.minimum_accuracy import require_accuracy
from orchestrator.driver.stages.restore_trials import restore_trials
from workers.jobs import trial_job
from workers.spec import StageSpec


def choose(run: RunContext, stage: StageRow) -> None:
    """Prune every picked trial on the workers, side by side, and record the choice with a verdict for every trial. Methods
    that do not prune choose the most accurate trial."""
    task, margin = stage.task, run.config.selection.margin_points
    rows = run.reads.trials(run.name, task, role=TrialRole.CANDIDATE)
    trained = [TrainedTrial(row.number, row.val_correct or 0) for row in rows if row.state is TrialState.FINISHED]
    failed = [FailedTrial(row.number, row.failure_reason or "") for row in rows if row.state is TrialState.FAILED]
    total = stage.val_total or 0
    if trained:
        require_accuracy(run, task, max(trial.val_correct for trial in trained), total, "its best trial")
    if not run.config.method.divides_the_network:
        spec, best = run.spec(stage), select_most_accurate(trained, failed, total)
        best = dataclasses.replace(best, chosen=_unpruned(best.chosen, spec), verdicts=tuple(
            dataclasses.replace(judged, pruned=None if judged.pruned is None else _unpruned(judged.pruned, spec))
            for judged in best.verdicts))
        run.store.record_selection(run.lease, task, _selection_record(run, best, spec, 0.0), best.verdicts)
        return
    picked = pick(trained, total, margin)
    run.progress.selecting(picked.picked, picked.best_val_correct / total)
    began, spec = time.perf_counter(), run.spec(stage)
    within = set(picked.picked)
    chosen_from = [row for row in rows if row.number in within]
    if restore_trials(run, stage, chosen_from):
        run.ahead.pop(task, None)
    weight = run.config.selection.weight_points
    if weight is None:
        selection = select(trained, failed, _sparsest(run, spec, chosen_from, picked), total, margin)
    else:
        judged_by = TradeOff(total, _free_before(run, spec), run.config.benchmark.tasks - task + 1, weight)
        selection = select_by_trade_off(trained, failed, _weighed(run, spec, chosen_from, picked, judged_by), judged_by,
                                        margin)
    run.store.record_selection(run.lease, task, _selection_record(run, selection, spec, time.perf_counter() - began),
                               selection.verdicts)


def _sparsest(run: RunContext, spec: StageSpec, rows: Sequence[TrialRow], picked: Pick) -> dict[int, PrunedTrial]:
    """Return every picked trial pruned at its exact θ*."""
    ahead = run.ahead.pop(spec.task, None)
    scans = {} if ahead is None else ahead.take(picked.required_val_correct)
    scans |= {row.number: run.submit(trial_job.scan, spec, row.artifact_digest, run.storage, picked.required_val_correct,
                                     run.config.selection.threshold) for row in rows if row.number not in scans}
    found = {number: run.fetch(scan) for number, scan in scans.items()}
    return {number: PrunedTrial(number, result.thresholds, result.val_correct, result.free_neurons)
            for number, result in found.items()}


def _weighed(run: RunContext, spec: StageSpec, rows: Sequence[TrialRow], picked: Pick,
             judged_by: TradeOff) -> dict[int, PrunedTrial]:
    """Return every picked trial pruned at its best trade-off."""
    weighings = {}
    for row in rows:
        curve = [(point.threshold, point.val_correct, point.free_neurons)
                 for point in run.reads.threshold_curve(run.name, spec.task, row.number)]
        weighings[row.number] = run.submit(trial_job.weigh, spec, row.number, row.artifact_digest, run.storage,
                                           picked.required_val_correct, run.config.selection.threshold, curve, judged_by)
    return {number: run.fetch(weighing) for number, weighing in weighings.items()}


def _unpruned(trial: PrunedTrial, spec: StageSpec) -> PrunedTrial:
    """Return a trial that keeps every neuron: no layer has a threshold."""
    return dataclasses.replace(trial, thresholds=(None,) * spec.architecture.depth)


def _free_before(run: RunContext, spec: StageSpec) -> int:
    """Return the number of free neurons before the task, including neurons added for it."""
    used = sum(row.used_neurons for row in run.reads.capacity(run.name) if row.task == spec.task - 1)
    return spec.architecture.hidden_total - used


def _selection_record(run: RunContext, selection: Selection, spec: StageSpec, seconds: float) -> SelectionRecord:
    chosen, picked, asked = selection.chosen, selection.pick, run.config.selection
    prunes = run.config.method.divides_the_network
    weight = asked.weight_points if prunes else None
    margin, rule = (asked.margin_points, asked.rule) if prunes else (Decimal(0), SelectionRule.SPARSEST)
    reason = next(verdict.reason for verdict in selection.verdicts if verdict.number == chosen.number)
    return SelectionRecord(
        picked.best_val_correct, picked.val_total, points_text(margin),
        picked.picked, chosen.number, chosen.thresholds, chosen.val_correct, chosen.free_neurons,
        spec.architecture.hidden_total, reason, seconds, rule,
        None if weight is None else points_text(weight))
