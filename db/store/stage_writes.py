"""Write about a stage after its sweep: selection, commit, failure, depletion."""

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import select

from clnp_core.errors import StateError
from clnp_core.selection import TrialVerdict, Verdict
from clnp_core.values import LayerCapacity, TrialRole
from db.dialect import database_now, upsert
from db.records import CommitRecord, Lease, SelectionRecord
from db.schema.models import (
    Artifact,
    Capacity,
    Commit,
    SelectionOutcome,
    TaskEvaluation,
    Trial,
    TrialJudgement,
)
from db.schema.types import storable_json
from db.states import REOPENINGS, StageState, resumed_in
from db.store.sweep_writes import release_running
from db.store.writer import Writer, move_stage, name_of, stage_in

CHOICE = ("best_val_correct", "val_total", "margin_points", "pruned_val_correct", "free_neurons", "hidden_total", "rule",
          "capacity_weight_points")
"""What two records of the same selection have in common, besides the lists; the scan time may differ."""


class StageWrites(Writer):
    """See :class:`db.store.store.Store`."""

    def record_selection(self, lease: Lease, task: int, selection: SelectionRecord,
                         verdicts: Sequence[TrialVerdict]) -> None:
        """SELECTING → COMMITTING with the selection and a verdict for every candidate, including failed ones. Recording the
        same selection again changes nothing.

        Raises:
            StateError: the stage is not SELECTING, a verdict is missing or duplicated, the verdicts choose another trial,
                or another selection is recorded.
        """
        caller = "record_selection"
        with self._driving(lease) as session:
            stage = stage_in(session, lease, task, caller)
            found = session.execute(select(Trial.number, Trial.id).where(
                Trial.stage_id == stage.id, Trial.role == TrialRole.CANDIDATE))
            ids = {number: trial_id for number, trial_id in found}
            recorded = session.scalars(select(SelectionOutcome).where(SelectionOutcome.stage_id == stage.id)).first()
            if recorded is not None:
                _compare_selection(lease, task, recorded, selection, ids)
                return
            _check_verdicts(lease, task, selection, verdicts, ids)
            move_stage(session, lease, stage, StageState.COMMITTING, caller, f"trial {selection.chosen} chosen")
            stage.selected_at = database_now(session)
            outcome = SelectionOutcome(
                stage_id=stage.id, chosen_trial_id=ids[selection.chosen], picked=list(selection.picked),
                thresholds=list(selection.thresholds), reason=selection.reason, scan_seconds=selection.scan_seconds,
                created_at=stage.selected_at, **{name: getattr(selection, name) for name in CHOICE})
            session.add(outcome)
            session.flush()
            session.add_all(_judgement(outcome.id, ids[judged.number], judged) for judged in verdicts)

    def record_commit(self, lease: Lease, task: int, commit: CommitRecord) -> None:
        """COMMITTING → COMMITTED with the commit, its capacity and its evaluations, in one transaction; its artifact must
        already be stored safely. Recording the same commit again changes nothing.

        Raises:
            StateError: the stage is not COMMITTING, or another commit is recorded.
        """
        caller = "record_commit"
        with self._driving(lease) as session:
            stage = stage_in(session, lease, task, caller)
            recorded = session.scalars(select(Commit).where(Commit.stage_id == stage.id)).first()
            if recorded is not None:
                if (recorded.digest, recorded.parent_digest) != (commit.digest, commit.parent_digest):
                    raise StateError(f"{caller}: {name_of(lease, task)} has been committed as {recorded.digest[:12]}, "
                                     f"not as {commit.digest[:12]}",
                                     "a commit never changes; the recorded one is the base of the next task")
                return
            move_stage(session, lease, stage, StageState.COMMITTED, caller, commit.digest[:12])
            now = stage.ended_at = database_now(session)
            upsert(session, Artifact, [{"digest": commit.digest, "artifact_bytes": commit.artifact_bytes,
                                        "created_at": now, "removed_at": None}], ["digest"], ["removed_at"])
            row = Commit(stage_id=stage.id, digest=commit.digest, parent_digest=commit.parent_digest,
                         verification=dict(commit.verification), commit_seconds=commit.commit_seconds, created_at=now,
                         val_correct=commit.val_correct, val_total=commit.val_total,
                         fine_tuning=None if commit.fine_tuning is None else list(map(asdict, commit.fine_tuning)),
                         search=None if commit.search is None else asdict(commit.search))
            session.add(row)
            session.flush()
            session.add_all(_capacity(row.id, layer) for layer in commit.capacity)
            session.add_all(
                TaskEvaluation(commit_id=row.id, on_task=cell.task, test_correct=cell.test_correct,
                               test_total=cell.test_total, test_accuracy=cell.test_correct / cell.test_total,
                               logits_digest=cell.logits_digest, val_correct=cell.val_correct,
                               val_total=cell.val_total) for cell in commit.evaluations)

    def fail_stage(self, lease: Lease, task: int, reason: str) -> None:
        """→ FAILED, recording the state before; its running trials are released. A failed stage keeps its first reason.

        Raises:
            StateError: the stage is committed or depleted.
        """
        self._end(lease, task, StageState.FAILED, reason, "fail_stage")

    def deplete_stage(self, lease: Lease, task: int, reason: str) -> None:
        """→ DEPLETED: no neuron is left to learn the task with. The run ends here, but has not failed.

        Raises:
            StateError: the sweep of the stage has ended.
        """
        self._end(lease, task, StageState.DEPLETED, reason, "deplete_stage")

    def _end(self, lease: Lease, task: int, to: StageState, reason: str, caller: str) -> None:
        with self._driving(lease) as session:
            stage = stage_in(session, lease, task, caller)
            if stage.state is to:
                return
            before = stage.state
            move_stage(session, lease, stage, to, caller, reason)
            stage.failed_from = before if to is StageState.FAILED else None
            stage.reason, stage.ended_at = reason, database_now(session)
            release_running(session, stage)

    def reopen_stage(self, lease: Lease, task: int, to: StageState) -> None:
        """FAILED → the state it failed in; a stage that failed or was stopped while SELECTING may also go to SWEEPING, to train
        failed trials again. The reason of the failure stays in the events. Nothing changes if the stage is already in
        ``to``.

        Raises:
            StateError: the stage is neither FAILED nor SELECTING, or must not be reopened in ``to``.
        """
        caller = "reopen_stage"
        with self._driving(lease) as session:
            stage = stage_in(session, lease, task, caller)
            if stage.state is to:
                return
            stage_in(session, lease, task, caller, StageState.FAILED, StageState.SELECTING)
            stopped_in = resumed_in(stage.state, stage.failed_from, retrying=False)
            allowed = REOPENINGS[stopped_in]
            if to not in allowed:
                raise StateError(f"{caller}: {name_of(lease, task)} ended while {stopped_in.value}, expected "
                                 f"{' or '.join(sorted(allowed))} and not {to.value} to reopen it in",
                                 "nothing was changed; records from before the failure stay valid")
            move_stage(session, lease, stage, to, caller, "reopened")
            stage.failed_from = stage.reason = stage.ended_at = None


def _judgement(selection_id: int, trial_id: int, judged: TrialVerdict) -> TrialJudgement:
    pruned = judged.pruned
    return TrialJudgement(
        trial_id=trial_id, selection_id=selection_id, verdict=judged.verdict, reason=judged.reason,
        thresholds=None if pruned is None else list(pruned.thresholds),
        pruned_val_correct=None if pruned is None else pruned.val_correct,
        free_neurons=None if pruned is None else pruned.free_neurons)


def _capacity(commit_id: int, layer: LayerCapacity) -> Capacity:
    return Capacity(commit_id=commit_id, layer=layer.layer, total_neurons=layer.total_neurons, used_neurons=layer.used_neurons,
                    new_neurons=layer.new_neurons, reused_neurons=layer.reused_neurons, free_neurons=layer.free_neurons)


def _check_verdicts(lease: Lease, task: int, selection: SelectionRecord, verdicts: Sequence[TrialVerdict],
                    ids: dict[int, int]) -> None:
    judged = sorted(verdict.number for verdict in verdicts)
    chosen = [verdict.number for verdict in verdicts if verdict.verdict is Verdict.CHOSEN]
    if judged != sorted(ids):
        wrong = sorted(set(judged) ^ set(ids)) or sorted({n for n in judged if judged.count(n) > 1})
        raise StateError(f"record_selection: {name_of(lease, task)} needs a verdict for every trial, {len(ids)} in all; "
                         f"missing, unknown or duplicated: {', '.join(map(str, wrong))}", "nothing was recorded")
    if chosen != [selection.chosen]:
        raise StateError(f"record_selection: the selection of {name_of(lease, task)} chooses trial {selection.chosen}, "
                         f"but its verdicts choose {chosen}", "nothing was recorded")


def _compare_selection(lease: Lease, task: int, recorded: SelectionOutcome, selection: SelectionRecord,
                       ids: dict[int, int]) -> None:
    same = all(getattr(recorded, name) == getattr(selection, name) for name in CHOICE) and (
        recorded.chosen_trial_id == ids.get(selection.chosen)
        and recorded.picked == list(selection.picked)
        and recorded.thresholds == storable_json(selection.thresholds))
    if not same:
        raise StateError(f"record_selection: another selection is recorded for {name_of(lease, task)}",
                         f"a selection never changes; for another margin: `clnp fork {lease.run_name} --task {task - 1}`")
