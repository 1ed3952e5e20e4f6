"""SELECTING → COMMITTING: the exact thresholds of the picked trials, and the rule of graceful forgetting."""

import time
from collections.abc import Sequence

from clnp_core.selection import FailedTrial, PrunedTrial, Selection, TrainedTrial, pick, select
from clnp_core.selection import TrialVerdict as Judged
from db.records import SelectionRecord, TrialVerdict
from db.rows import StageRow, TrialRow
from db.states import TrialState
from orchestrator import plan
from orchestrator.configuration.sweep import GridPoint
from orchestrator.stages.context import RunContext
from workers import jobs
from workers.spec import StageSpec


def choose(run: RunContext, stage: StageRow) -> None:
    """Scan every picked trial on the workers, side by side, and record the choice with a verdict for every trial."""
    task, margin = stage.task, run.config.selection.margin_points
    rows = run.reads.trials(run.name, task)
    trained = [TrainedTrial(row.number, row.val_correct or 0) for row in rows if row.state is TrialState.FINISHED]
    failed = [FailedTrial(row.number, row.failure_reason or "") for row in rows if row.state is TrialState.FAILED]
    total = stage.val_total or 0
    chosen_from = pick(trained, total, margin)
    run.progress.selecting(chosen_from.picked, chosen_from.best_val_correct / total)
    began, spec = time.perf_counter(), run.spec(stage)
    artifacts = {row.number: row.artifact_digest for row in rows}
    restore(run, stage, [row for row in rows if row.number in chosen_from.picked])
    scans = {number: run.submit(jobs.scan, spec, artifacts[number], run.storage,
                                chosen_from.required_val_correct, run.config.selection.threshold)
             for number in chosen_from.picked}
    pruned = {}
    for number, scan in scans.items():
        found = run.fetch(scan)
        pruned[number] = PrunedTrial(number, found.thresholds, found.val_correct, found.free_neurons)
    selection = select(trained, failed, pruned, total, margin)
    run.store.record_selection(run.lease, task, _selection_record(run, selection, spec, time.perf_counter() - began),
                               [_verdict_record(verdict) for verdict in selection.verdicts])


def restore(run: RunContext, stage: StageRow, rows: Sequence[TrialRow]) -> None:
    """Train again what was finished and whose stored network has been lost since, and say so."""
    spec = run.spec(stage)
    trials = tuple((plan.trial_spec(spec, run.config.seed, row.number, GridPoint(row.alpha, row.learning_rate)),
                    row.artifact_digest) for row in rows)
    numbers = run.job(jobs.restore_trials, trials, run.storage)
    if numbers:
        text = f"task {stage.task}: stored networks were lost or damaged and have been trained again: trial " + ", ".join(
            map(str, numbers))
        run.store.event(run.lease, "restored", text, {"task": stage.task, "trials": list(numbers)})
        run.progress.notice(f"  {text}")


def _selection_record(run: RunContext, selection: Selection, spec: StageSpec, seconds: float) -> SelectionRecord:
    chosen, picked = selection.chosen, selection.pick
    reason = next(verdict.reason for verdict in selection.verdicts if verdict.number == chosen.number)
    return SelectionRecord(
        picked.best_val_correct, picked.val_total, str(run.config.resolved()["selection"]["margin_points"]),
        picked.picked, chosen.number, chosen.thresholds, chosen.val_correct, chosen.free_neurons,
        spec.architecture.hidden_total, reason, seconds)


def _verdict_record(judged: Judged) -> TrialVerdict:
    pruned = judged.pruned
    if pruned is None:
        return TrialVerdict(judged.number, judged.verdict, judged.reason)
    return TrialVerdict(judged.number, judged.verdict, judged.reason, pruned.thresholds, pruned.val_correct,
                        pruned.free_neurons)
