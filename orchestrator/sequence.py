"""A run as a sequence of transitions. ``Driver.run`` takes one after another until the run has ended or is asked to stop.

Launching and resuming are the same loop: where a stage stands is read from the database, and each transition can be
repeated from there. Nothing in this file remembers anything between two transitions.
"""

import dataclasses
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from clnp_core.architecture import Architecture, HeadKind
from clnp_core.errors import BusyError, ClnpError, DatabaseError, EnvironmentChangedError, RunFailedError
from clnp_core.selection import FailedTrial, PrunedTrial, Selection, TrainedTrial, pick, select
from clnp_core.selection import TrialVerdict as Judged
from db.reads import Reads
from db.records import (
    CapacityRecord,
    CommitRecord,
    EvaluationRecord,
    PlannedTrial,
    SelectionRecord,
    StageFacts,
    TrialFailure,
    TrialVerdict,
)
from db.rows import StageRow, TrialRow
from db.states import FailureKind, StageState, TrialState
from db.store import Store
from orchestrator import plan
from orchestrator.cluster import Cluster
from orchestrator.config import Config
from orchestrator.config_choices import OnDepletion
from orchestrator.config_sweep import GridPoint
from orchestrator.keeper import Keeper
from orchestrator.progress import Progress
from orchestrator.recorder import Recorder
from orchestrator.tune_driver import SampledTrial, run_grid, run_sampler
from workers import jobs
from workers.environment import fingerprint
from workers.spec import StageSpec
from workers.trainable import fetch, submit


class StoppedError(Exception):
    """The driver was asked to stop in the middle of a transition; the transition has not happened."""


class Driver:
    """Drives one run on a connected cluster, under a held lease."""

    def __init__(self, store: Store, reads: Reads, keeper: Keeper, config: Config, storage: str, cluster: Cluster,
                 progress: Progress) -> None:
        self._store, self._reads, self._keeper, self._config = store, reads, keeper, config
        self._storage, self._cluster, self._progress = storage, cluster, progress
        self._lease, self._run = keeper.lease, keeper.lease.run_name

    def run(self, retry_failed: bool = False, accept_environment: bool = False) -> None:
        """Advance until every task is committed, the network is depleted, or somebody asks to stop.

        Args:
            retry_failed: train trials again that failed, also those that the selection would go on without.
            accept_environment: go on although device, torch or code have changed since the run began.

        Raises:
            RunFailedError, DataError, ArtifactError, ForgettingError: a stage failed, for this reason.
            EnvironmentChangedError: results would not be comparable.
            BusyError: the lease was lost to another driver.
        """
        try:
            self._check_environment(accept_environment)
            self._reopen(retry_failed)
            self._announce()
            while not self._keeper.should_stop():
                stage = self._current()
                if stage is None or stage.state is StageState.DEPLETED:
                    break
                self._advance(stage)
        except StoppedError:
            pass
        finally:
            self._progress.close()
        if self._keeper.lost is not None:
            raise self._keeper.lost

    def _current(self) -> StageRow | None:
        """The first stage that is not committed."""
        return next((stage for stage in self._reads.stages(self._run) if stage.state is not StageState.COMMITTED), None)

    def _advance(self, stage: StageRow) -> None:
        """Exactly one transition. What goes wrong in it is recorded as the stage's failure, unless it is the lease or
        the database itself."""
        transitions: dict[StageState, Callable[[StageRow], None]] = {
            StageState.PENDING: self._begin, StageState.SWEEPING: self._sweep,
            StageState.SELECTING: self._select, StageState.COMMITTING: self._commit}
        try:
            transitions[stage.state](stage)
        except (BusyError, DatabaseError):
            raise
        except ClnpError as error:
            self._store.fail_stage(self._lease, stage.task, str(error))
            raise

    # PENDING → SWEEPING

    def _begin(self, stage: StageRow) -> None:
        config, task = self._config, stage.task
        hidden, base_digest, full = config.network.hidden, None, False
        if task > 1:
            previous = self._reads.stages(self._run)[task - 2]
            assert previous.architecture is not None, "a committed stage has an architecture"
            hidden = tuple(previous.architecture["hidden"])
            base_digest = self._reads.commits(self._run, task - 1)[0].digest
            free = {row.layer: row.free_neurons for row in self._reads.capacity(self._run) if row.task == task - 1}
            full = 0 in free.values()
            if config.capacity.on_depletion is OnDepletion.WIDEN and full:
                hidden = self._widened(task, hidden, free)
            elif config.network.head is HeadKind.SINGLE and free[len(hidden)] == 0:
                self._deplete(task)
                return
            elif full:
                self._say_full(task, free)
        facts = self._job(jobs.prepare, plan.benchmark_spec(config), task, config.resources.threads_per_trial)
        network = plan.architecture(config, facts.inputs, facts.classes, hidden)
        spec = plan.stage_spec(config, task, network, base_digest)
        trials = plan.trial_specs(spec, config.seed, plan.points(config, task, self._first_choice(task)))
        self._store.begin_sweep(
            self._lease, task,
            StageFacts(facts.train_total, facts.val_total, facts.test_total, (facts.inputs,), facts.classes,
                       facts.split_digest, facts.task_fingerprint, facts.environment),
            network.to_json(), base_digest,
            [PlannedTrial(trial.number, trial.key(), trial.alpha, trial.learning_rate, trial.seed) for trial in trials])

    def _widened(self, task: int, hidden: tuple[int, ...], free: dict[int, int]) -> tuple[int, ...]:
        wider = plan.widths_after_depletion(self._config, hidden, free)
        text = f"before task {task} full layers are widened: {list(hidden)} becomes {list(wider)}"
        self._store.event(self._lease, "widen", text, {"task": task, "from": list(hidden), "to": list(wider)})
        self._progress.notice(f"  {text}")
        return wider

    def _deplete(self, task: int) -> None:
        text = (f"task {task} cannot be learnt: no neuron of the last hidden layer is free, and a single head "
                "can read no other")
        self._store.deplete_stage(self._lease, task, text)
        self._progress.notice(f"{text}\nthe run ends here with {task - 1} tasks committed; a new run with "
                              "capacity.on_depletion: widen, wider layers or a larger margin goes further")

    def _say_full(self, task: int, free: dict[int, int]) -> None:
        layers = ", ".join(str(layer) for layer, count in free.items() if count == 0)
        text = f"hidden layer {layers} is full before task {task}: only what is still free can learn, and the new head"
        self._store.event(self._lease, "depleted layer", text, {"task": task, "free": list(free.values())})
        self._progress.notice(f"  {text}")

    def _first_choice(self, task: int) -> GridPoint | None:
        """What the selection of task 1 chose, for protocols that keep it."""
        if task == 1 or plan.sweeps(self._config, task):
            return None
        chosen = self._reads.selections(self._run, 1)[0].chosen
        trial = next(row for row in self._reads.trials(self._run, 1) if row.number == chosen)
        return GridPoint(trial.alpha, trial.learning_rate)

    # SWEEPING → SELECTING

    def _sweep(self, stage: StageRow) -> None:
        config, task = self._config, stage.task
        spec = self._spec(stage)
        self._store.release_trials(self._lease, task)
        rows = self._reads.trials(self._run, task)
        ended = [row for row in rows if row.state.has_ended]
        self._progress.stage_started(task, plan.trial_count(config, task), len(ended))
        recorder = Recorder(self._store, self._lease, spec, self._progress, config.resources.trial_time_limit_seconds)
        if plan.sampled(config, task):
            self._sample(spec, rows, recorder)
        else:
            trials = plan.trial_specs(spec, config.seed, plan.points(config, task, self._first_choice(task)))
            done = {row.number for row in ended}
            missing = [trial for trial in trials if trial.number not in done]
            if missing:
                run_grid(config, spec, missing, self._storage, self._cluster, recorder, self._keeper.should_stop)
        self._end_sweep(task)

    def _sample(self, spec: StageSpec, rows: list[TrialRow], recorder: Recorder) -> None:
        """Points that were drawn and not finished run first, as they are; then the sampler draws the rest."""
        config, task = self._config, spec.task
        open_rows = [row for row in rows if not row.state.has_ended]
        if open_rows:
            missing = [plan.trial_spec(spec, config.seed, row.number, GridPoint(row.alpha, row.learning_rate))
                       for row in open_rows]
            run_grid(config, spec, missing, self._storage, self._cluster, recorder, self._keeper.should_stop)
        drawn = len(rows)
        if drawn < plan.trial_count(config, task) and not self._keeper.should_stop():
            finished = [row for row in self._reads.trials(self._run, task) if row.state is TrialState.FINISHED]
            recorded = [SampledTrial(row.alpha[0], row.learning_rate, row.val_accuracy or 0.0, self._sparsity(row))
                        for row in finished]
            run_sampler(config, spec, recorded, drawn, self._storage, self._cluster, recorder, self._keeper.should_stop)

    def _sparsity(self, row: TrialRow) -> float:
        """The sampler's second objective of a recorded trial, from its curve (see ``workers.jobs.TrialResult``)."""
        curve = self._reads.threshold_curve(self._run, row.task, row.number)
        trained = TrainedTrial(row.number, row.val_correct or 0)
        required = pick([trained], row.val_total or 1, self._config.selection.margin_points).required_val_correct
        return max((point.sparsity for point in curve if point.val_correct >= required), default=0.0)

    def _end_sweep(self, task: int) -> None:
        if self._keeper.should_stop():
            self._store.release_trials(self._lease, task)
            raise StoppedError
        rows = self._reads.trials(self._run, task)
        limit = self._config.resources.sweep_time_limit_seconds
        for row in rows:
            if row.state.has_ended:
                continue
            if limit is None:
                raise RunFailedError(f"task {task}: Ray ended the sweep without a result for trial {row.number}",
                                     "resume the run to try again")
            self._store.trial_failed(self._lease, task, row.number,
                                     TrialFailure(FailureKind.TIMED_OUT, f"the sweep took longer than {limit:g} s"))
        rows = self._reads.trials(self._run, task)
        self._refuse_unfit(task, rows)
        self._store.end_sweep(self._lease, task)

    def _refuse_unfit(self, task: int, rows: list[TrialRow]) -> None:
        """A selection needs a result, and every result that a lost machine owes."""
        blocking = [row for row in rows if row.failure_kind and not row.failure_kind.excluded_from_selection]
        finished = [row for row in rows if row.state is TrialState.FINISHED]
        if finished and not blocking:
            return
        failed = blocking or [row for row in rows if row.state is TrialState.FAILED]
        first = f"; the first, trial {failed[0].number}: {failed[0].failure_reason}" if failed else ""
        many = "every trial" if not finished else f"{len(failed)} of {len(rows)} trials"
        raise RunFailedError(f"task {task}: {many} failed{first}",
                             f"mend the cause, then `clnp resume {self._run}` trains what failed again")

    # SELECTING → COMMITTING

    def _select(self, stage: StageRow) -> None:
        task, margin = stage.task, Decimal(self._config.selection.margin_points)
        rows = self._reads.trials(self._run, task)
        trained = [TrainedTrial(row.number, row.val_correct or 0) for row in rows if row.state is TrialState.FINISHED]
        failed = [FailedTrial(row.number, row.failure_reason or "") for row in rows if row.state is TrialState.FAILED]
        total = stage.val_total or 0
        chosen_from = pick(trained, total, margin)
        self._progress.selecting(chosen_from.picked, chosen_from.best_val_correct / total)
        began, spec = time.perf_counter(), self._spec(stage)
        artifacts = {row.number: row.artifact_digest for row in rows}
        scans = {number: self._submit(jobs.scan, spec, artifacts[number], self._storage,
                                      chosen_from.required_val_correct, self._config.selection.threshold)
                 for number in chosen_from.picked}
        pruned = {}
        for number, scan in scans.items():
            found = self._fetch(scan)
            pruned[number] = PrunedTrial(number, found.thresholds, found.val_correct, found.free_neurons)
        selection = select(trained, failed, pruned, total, margin)
        self._store.record_selection(self._lease, task,
                                     self._selection_record(selection, spec, time.perf_counter() - began),
                                     [_verdict_record(verdict) for verdict in selection.verdicts])

    def _selection_record(self, selection: Selection, spec: StageSpec, seconds: float) -> SelectionRecord:
        chosen, picked = selection.chosen, selection.pick
        reason = next(verdict.reason for verdict in selection.verdicts if verdict.number == chosen.number)
        return SelectionRecord(
            picked.best_val_correct, picked.val_total, str(self._config.resolved()["selection"]["margin_points"]),
            picked.picked, chosen.number, chosen.thresholds, chosen.val_correct, chosen.free_neurons,
            spec.architecture.hidden_total, reason, seconds)

    # COMMITTING → COMMITTED

    def _commit(self, stage: StageRow) -> None:
        task = stage.task
        selection = self._reads.selections(self._run, task)[0]
        chosen = next(row for row in self._reads.trials(self._run, task) if row.number == selection.chosen)
        earlier = tuple((row.task, row.digest) for row in self._reads.commits(self._run) if row.task < task)
        built: jobs.BuiltCommit = self._job(jobs.build_commit, self._spec(stage), chosen.artifact_digest,
                                            selection.thresholds, self._storage, earlier)
        self._store.record_commit(self._lease, task, CommitRecord(
            built.artifact.digest, built.artifact.bytes_written, stage.base_digest,
            tuple(CapacityRecord(**dataclasses.asdict(layer)) for layer in built.capacity),
            tuple(EvaluationRecord(cell.task, cell.test_correct, cell.test_total, cell.logits_digest)
                  for cell in built.evaluations),
            dataclasses.asdict(built.proof), built.seconds))
        own = next(cell for cell in built.evaluations if cell.task == task)
        self._progress.committed(task, selection.chosen, own.test_correct / own.test_total,
                                 [100 * layer.used / layer.total for layer in built.capacity])

    # Before the first transition

    def _announce(self) -> None:
        done = {stage.task: stage.trials_finished + stage.trials_failed for stage in self._reads.stages(self._run)}
        tasks = range(1, self._config.benchmark.tasks + 1)
        self._progress.run_started(self._run, [plan.trial_count(self._config, task) for task in tasks],
                                   self._cluster.parallel_trials, [done.get(task, 0) for task in tasks])

    def _check_environment(self, accept: bool) -> None:
        now = self._job(fingerprint, self._config.resources.threads_per_trial)
        recorded = self._reads.run(self._run).environment
        if recorded is not None and recorded != now:
            changed = ", ".join(f"{name} was {recorded.get(name)}, is {now.get(name)}"
                                for name in sorted({*recorded, *now}) if recorded.get(name) != now.get(name))
            if not accept:
                raise EnvironmentChangedError(
                    f"run {self._run!r} was begun in another environment: {changed}",
                    "go back to that environment, or resume with --accept-environment, which is recorded")
            self._progress.notice(f"going on in another environment: {changed}")
        if recorded != now:
            self._store.record_environment(self._lease, now)

    def _reopen(self, retry_failed: bool) -> None:
        """Bring a failed stage back to its last safe point, and failed trials back into the sweep."""
        stage = self._current()
        if stage is None:
            return
        rows = self._reads.trials(self._run, stage.task)
        failed = [row for row in rows if row.state is TrialState.FAILED]
        if stage.state is StageState.FAILED:
            back = stage.failed_from or StageState.PENDING
            if back is StageState.SELECTING and failed and retry_failed:
                back = StageState.SWEEPING
            self._store.reopen_stage(self._lease, stage.task, back)
            stage = self._current() or stage
        if stage.state is not StageState.SWEEPING or not failed:
            return
        nothing_trained = not any(row.state is TrialState.FINISHED for row in rows)
        kinds = [kind for kind in FailureKind if retry_failed or nothing_trained or not kind.excluded_from_selection]
        numbers = self._store.retry_trials(self._lease, stage.task, kinds)
        if numbers:
            self._progress.notice(f"task {stage.task}: training failed trials again: {', '.join(map(str, numbers))}")

    # Jobs on workers

    def _spec(self, stage: StageRow) -> StageSpec:
        assert stage.architecture is not None, "a stage that sweeps has an architecture"
        return plan.stage_spec(self._config, stage.task, Architecture.from_json(stage.architecture), stage.base_digest)

    def _job(self, job: Callable[..., Any], *arguments: object) -> Any:
        return self._fetch(self._submit(job, *arguments))

    def _submit(self, job: Callable[..., Any], *arguments: object) -> Any:
        resources = self._config.resources
        return submit(job, *arguments, cpus=resources.cpus_per_trial, gpus=resources.gpus_per_trial)

    def _fetch(self, reference: Any) -> Any:
        result = fetch(reference, self._keeper.should_stop)
        if result is None:
            raise StoppedError
        return result


def _verdict_record(judged: Judged) -> TrialVerdict:
    pruned = judged.pruned
    if pruned is None:
        return TrialVerdict(judged.number, judged.verdict, judged.reason)
    return TrialVerdict(judged.number, judged.verdict, judged.reason, pruned.thresholds, pruned.val_correct,
                        pruned.free_neurons)
