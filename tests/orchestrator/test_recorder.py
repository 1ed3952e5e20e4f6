"""What Tune's callback writes, and when: one transaction for what arrives together, and no trial that is counted twice."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from clnp_core.threshold import CurvePoint
from db.processes import this_owner
from db.records import EpochRecord, Lease, TrialFailure, TrialReport, TrialSuccess
from db.states import FailureKind
from orchestrator import plan
from orchestrator.progress import Progress
from orchestrator.recorder import START_AFTER_SECONDS, Recorder
from orchestrator.tune_driver import _PlannedSearch
from tests.orchestrator.runs import small
from workers.artifacts import Artifact
from workers.jobs import TrialResult
from workers.spec import StageSpec

EPOCH = {"epoch": 1, "train_loss": 0.5, "l1_penalty": 0.1, "val_correct": 90, "val_total": 100, "seconds": 0.2}
RESULT = TrialResult(90, 100, 1, 1, 0.2, 0.3, Artifact("digest", 10), (CurvePoint(0.1, 88, 3),), 10, 3, "here", "cpu")


@dataclass
class Remembering:
    """A store that only remembers what it is asked to write: (method, arguments after task and number)."""

    writes: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)

    def __getattr__(self, method: str) -> Callable[..., bool]:
        def write(lease: Lease, task: int, number: int, *values: Any) -> bool:
            self.writes.append((method, values))
            return True

        return write

    @property
    def methods(self) -> list[str]:
        return [method for method, _ in self.writes]


@pytest.fixture
def stage() -> StageSpec:
    config = small()
    return plan.stage_spec(config, 1, plan.architecture(config, (1, 8, 8), 10), None)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr("orchestrator.recorder.time.monotonic", lambda: clock.now)
    return clock


@pytest.fixture
def store() -> Remembering:
    return Remembering()


@pytest.fixture
def recorder(store: Remembering, stage: StageSpec) -> Recorder:
    lease = Lease(1, "small", 1, this_owner())
    return Recorder(store, lease, stage, Progress(), 60.0)  # type: ignore[arg-type]  # a store that notes what it is told


def trial(number: int = 0) -> Any:
    point = {"number": number, "alpha": [1e-4] * 3, "learning_rate": 0.01, "seed": 5}
    return SimpleNamespace(trial_id=f"ray-{number}", config={"point": point})


def report(**changes: Any) -> dict[str, Any]:
    return {"epochs": [dict(EPOCH)], "host": "here", "done": True, "result": RESULT, "failure": None, "val_accuracy": 0.9,
            "sparsity": 0.3, "training_iteration": 1, "pid": 7, **changes}


def test_a_trial_that_ends_with_its_first_report_is_one_write(recorder: Recorder, store: Remembering,
                                                              clock: SimpleNamespace) -> None:
    recorder.on_trial_start(1, [], trial())
    clock.now += 0.5
    recorder.on_trial_result(1, [], trial(), report())
    [(method, (written,))] = store.writes
    assert method == "trial_reported" and isinstance(written, TrialReport) and isinstance(written.outcome, TrialSuccess)
    assert written.start is not None and (written.start.ray_trial_id, written.start.seconds_ago) == ("ray-0", 0.5)
    assert written.epochs == (EpochRecord(**EPOCH),) and recorder.error is None


def test_a_trial_that_goes_on_is_recorded_as_running(recorder: Recorder, store: Remembering, clock: SimpleNamespace) -> None:
    recorder.on_trial_start(1, [], trial())
    recorder.on_step_end(1, [])
    assert store.methods == []
    clock.now += START_AFTER_SECONDS
    recorder.on_step_end(2, [])
    recorder.on_step_end(3, [])
    assert store.writes == [("trial_started", ("ray-0", "", "", START_AFTER_SECONDS))]


def test_later_reports_bring_no_start(recorder: Recorder, store: Remembering, clock: SimpleNamespace) -> None:
    recorder.on_trial_start(1, [], trial())
    recorder.on_trial_result(1, [], trial(), report(done=False, result=None))
    recorder.on_trial_result(2, [], trial(), report())
    assert store.methods == ["trial_started", "trial_epochs", "trial_reported"]
    assert store.writes[-1][1][0].start is None


def test_every_lost_attempt_is_counted(recorder: Recorder, store: Remembering, clock: SimpleNamespace) -> None:
    recorder.on_trial_start(1, [], trial())
    recorder.on_trial_recover(1, [], trial())
    recorder.on_trial_start(2, [], trial())
    recorder.on_trial_error(2, [], trial())
    assert store.methods == ["trial_started", "event", "trial_reported"]
    lost = store.writes[-1][1][0]
    assert lost.start is not None and lost.outcome == TrialFailure(
        FailureKind.LOST, "its worker died, and so did the workers of its retries")


def test_what_has_ended_is_not_written_again(recorder: Recorder, store: Remembering, clock: SimpleNamespace) -> None:
    recorder.on_trial_start(1, [], trial())
    recorder.on_trial_result(1, [], trial(), report(result=None, failure={"kind": "diverged", "reason": "nan"}))
    recorder.on_trial_result(2, [], trial(), report())
    recorder.on_trial_error(2, [], trial())
    assert store.methods == ["trial_reported"]


def test_tune_keeps_no_curves(recorder: Recorder, clock: SimpleNamespace) -> None:
    result = report()
    recorder.on_trial_start(1, [], trial())
    recorder.on_trial_result(1, [], trial(), result)
    assert result == {"done": True, "training_iteration": 1, "val_accuracy": 0.9, "sparsity": 0.3}


def test_a_plan_comes_in_its_order_and_ends(stage: StageSpec) -> None:
    config = small(sweep={"learning_rate": [0.01, 0.02, 0.03]})
    trials = plan.trial_specs(stage, config.seed, plan.points(config, 1, None))
    search = _PlannedSearch(trials[1:])
    drawn = [search.suggest(name) for name in "abc"]
    assert drawn == [{"point": {"number": t.number, "alpha": list(t.alpha), "learning_rate": t.learning_rate, "seed": t.seed}}
                     for t in trials[1:]] + [None]
