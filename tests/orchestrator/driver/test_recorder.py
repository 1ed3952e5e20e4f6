"""What Tune's callback writes, and when: one transaction for what arrives together, and no trial that is counted twice."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from clnp_core.values import CurvePoint, Epoch, StoredArtifact, TrialResult
from db.liveness import this_owner
from db.records import Lease, TrialFailure, TrialReport
from db.states import FailureKind
from orchestrator.driver import plan
from orchestrator.driver.recorder import START_AFTER_SECONDS, Recorder
from orchestrator.driver.tuner import _PlannedSearch
from orchestrator.events.events import Progress
from tests.orchestrator.laboratory import small
from workers.spec import StageSpec, TrialSpec

EPOCH = Epoch(1, 0.5, 0.1, 90, 100, 0.2)
RESULT = TrialResult(90, 100, 1, 1, 0.2, 0.3, StoredArtifact("digest", 10), (CurvePoint(0.1, 88, 3),), 10, 3, "here", "cpu")


@dataclass
class Remembering:
    """A store that only remembers what it is asked to write: (method, arguments after task and number)."""

    writes: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)

    of_trials: list[tuple[str, int, tuple[Any, ...]]] = field(default_factory=list)
    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def __getattr__(self, method: str) -> Callable[..., bool]:
        def write(lease: Lease, task: int, number: int, *values: Any) -> bool:
            self.writes.append((method, values))
            self.of_trials.append((method, number, values))
            return True

        return write

    def trials_reported(self, lease: Lease, task: int, reports: dict[int, TrialReport]) -> None:
        self.writes.append(("trials_reported", (reports,)))

    def event(self, lease: Lease, kind: str, text: str, facts: dict[str, Any]) -> None:
        self.writes.append(("event", (text, facts)))
        self.told.append((text, facts))

    @property
    def methods(self) -> list[str]:
        return [method for method, _ in self.writes]


@dataclass
class Counting:
    """In the place of the scans that begin early."""

    results: list[int] = field(default_factory=list)
    packs: int = 0

    def trained(self, number: int, val_correct: int, digest: str) -> None:
        self.results.append(number)

    def ended(self) -> None:
        self.packs += 1

    def begin(self) -> None:
        """There is nothing to begin."""


@pytest.fixture
def stage() -> StageSpec:
    config = small()
    return plan.stage_spec(config, 1, plan.architecture(config, (1, 8, 8), 10), None)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=100.0)
    # The module's own name: the clock of the process is also that of the event loops of running servers.
    monkeypatch.setattr("orchestrator.driver.recorder.time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


@pytest.fixture
def store() -> Remembering:
    return Remembering()


@pytest.fixture
def recorder(store: Remembering, stage: StageSpec) -> Recorder:
    lease = Lease(1, "small", 1, this_owner())
    return Recorder(store, lease, stage, Progress(), 60.0)  # type: ignore[arg-type]  # a store that notes what it is told


def trial(*numbers: int) -> Any:
    """Of Tune: the trial of one grid point, or of a pack of them."""
    config = small()
    stage = plan.stage_spec(config, 1, plan.architecture(config, (1, 8, 8), 10), None)
    pack = [TrialSpec(stage, number, (1e-4,) * 3, 0.01, 5) for number in numbers or (0,)]
    found = SimpleNamespace(trial_id=f"ray-{pack[0].number}", config={"trials": pack})
    found.set_config = lambda config: setattr(found, "config", config)
    return found


def member(number: int = 0, **changes: Any) -> dict[str, Any]:
    return {"number": number, "epochs": [EPOCH], "result": RESULT, **changes}


def report(*members: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"members": list(members or [member()]), "host": "here", "done": True, "val_accuracy": 0.9,
            "sparsity": 0.3, "training_iteration": 1, "pid": 7, **changes}


def test_a_trial_that_ends_with_its_first_report_is_one_write(recorder: Recorder, store: Remembering,
                                                              clock: SimpleNamespace) -> None:
    recorder.started(trial())
    clock.now += 0.5
    recorder.reported(trial(), report())
    [(method, (written,))] = store.writes
    assert method == "trial_reported" and isinstance(written, TrialReport) and isinstance(written.outcome, TrialResult)
    assert written.start is not None and (written.start.ray_trial_id, written.start.seconds_ago) == ("ray-0", 0.5)
    assert written.epochs == (EPOCH,) and recorder.error is None


def test_a_trial_that_goes_on_is_recorded_as_running(recorder: Recorder, store: Remembering, clock: SimpleNamespace) -> None:
    recorder.started(trial())
    recorder.tick()
    assert store.methods == []
    clock.now += START_AFTER_SECONDS
    recorder.tick()
    recorder.tick()
    assert store.writes == [("trial_started", ("ray-0", "", "", START_AFTER_SECONDS))]


def test_later_reports_bring_no_start(recorder: Recorder, store: Remembering, clock: SimpleNamespace) -> None:
    recorder.started(trial())
    recorder.reported(trial(), report(member(result=None), done=False))
    recorder.reported(trial(), report())
    assert store.methods == ["trial_started", "trial_epochs", "trial_reported"]
    assert store.writes[-1][1][0].start is None


def test_every_lost_attempt_is_counted(recorder: Recorder, store: Remembering, clock: SimpleNamespace) -> None:
    recorder.started(trial())
    recorder.retried(trial())
    recorder.started(trial())
    recorder.lost(trial())
    assert store.methods == ["trial_started", "event", "trial_reported"]
    lost = store.writes[-1][1][0]
    assert lost.start is not None and lost.outcome == TrialFailure(
        FailureKind.LOST, "its worker died, and so did those of all retries")


def test_what_has_ended_is_not_written_again(recorder: Recorder, store: Remembering, clock: SimpleNamespace) -> None:
    recorder.started(trial())
    recorder.reported(trial(), report(member(result=None, failure={"kind": "diverged", "reason": "nan"})))
    recorder.reported(trial(), report())
    recorder.lost(trial())
    assert store.methods == ["trial_reported"]


def test_what_a_pack_reports_at_once_is_one_write(recorder: Recorder, store: Remembering, clock: SimpleNamespace) -> None:
    recorder.started(trial(0, 1, 2))
    clock.now += START_AFTER_SECONDS
    recorder.tick()
    diverged = {"kind": "diverged", "reason": "nan"}
    goes_on = [member(number, result=None) for number in range(3)]
    recorder.reported(trial(0, 1, 2), report(*goes_on, done=False))
    recorder.reported(trial(0, 1, 2), report(member(0, epochs=[]), member(1, result=None, failure=diverged),
                                                           done=False))
    recorder.reported(trial(0, 1, 2), report(member(2, epochs=[])))
    assert store.methods == ["trials_reported"] * 3 + ["trial_reported"] and recorder.error is None
    starts, epochs, ends = (reports for _, (reports,) in store.writes[:3])
    assert all(said.start is not None and not said.epochs and said.outcome is None for said in starts.values())
    assert all(said.start is None and len(said.epochs) == 1 and said.outcome is None for said in epochs.values())
    assert starts.keys() == epochs.keys() == {0, 1, 2} and ends.keys() == {0, 1}
    assert isinstance(ends[0].outcome, TrialResult) and isinstance(ends[1].outcome, TrialFailure)


def test_a_pack_that_is_trained_again_changes_no_row_that_has_ended(stage: StageSpec, store: Remembering,
                                                                    clock: SimpleNamespace) -> None:
    lease, ahead = Lease(1, "small", 1, this_owner()), Counting()
    recorder = Recorder(store, lease, stage, Progress(), None, ahead, recorded=[0, 2])  # type: ignore[arg-type]
    recorder.started(trial(0, 1, 2))
    clock.now += START_AFTER_SECONDS
    recorder.tick()
    recorder.reported(trial(0, 1, 2), report(*(member(number, result=None) for number in range(3)), done=False))
    recorder.reported(trial(0, 1, 2), report(*map(member, range(3))))
    assert [(method, number) for method, number, _ in store.of_trials] == [
        ("trial_started", 1), ("trial_epochs", 1), ("trial_reported", 1)]
    assert (ahead.results, ahead.packs) == ([1], 1), "a pack is one place"


def test_a_lost_pack_loses_what_it_has_not_told(recorder: Recorder, store: Remembering, clock: SimpleNamespace) -> None:
    pack = trial(4, 5, 6)
    recorder.started(pack)
    recorder.reported(pack, report(member(5), done=False))
    recorder.retried(pack)
    recorder.started(pack)
    recorder.lost(pack)
    assert store.methods == ["trial_reported", "trials_reported", "event", "trials_reported"]
    assert store.writes[-1][1][0].keys() == {4, 6}
    [(text, facts)] = store.told
    assert text == "task 1, the pack of trials 4 to 6: its worker on here died, retraining it"
    assert facts == {"task": 1, "number": 4, "numbers": [4, 5, 6], "host": "here"}
    assert pack.config["attempt"] == 2, "so that its output says which attempt it is of"


def test_a_pack_that_dies_of_its_time_limit_only_reports_that(recorder: Recorder, store: Remembering,
                                                              clock: SimpleNamespace) -> None:
    pack = trial(0, 1)
    recorder.started(pack)
    clock.now += 61
    recorder.retried(pack)
    assert pack.config["timed_out"] is True and "event" not in store.methods


def test_tune_keeps_no_curves(recorder: Recorder, clock: SimpleNamespace) -> None:
    result = report()
    recorder.started(trial())
    recorder.reported(trial(), result)
    assert result == {"done": True, "training_iteration": 1, "val_accuracy": 0.9, "sparsity": 0.3}


def test_a_plan_comes_in_its_order_and_ends(stage: StageSpec) -> None:
    config = small(sweep={"learning_rate": [0.01, 0.02, 0.03]})
    trials = plan.trial_specs(stage, config.seed, plan.points(config, 1, None))
    search = _PlannedSearch([trials[:2], trials[2:]], done=[1])
    drawn = [search.suggest(name) for name in "abc"]
    assert drawn == [{"trials": list(pack), "wanted": [pack[0].number]} for pack in (trials[:2], trials[2:])] + [None]
