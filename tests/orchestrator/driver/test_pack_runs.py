"""Runs that train in packs: every trial has its rows, and a pack of which something is missing is trained whole while what is
recorded stays."""

from pathlib import Path
from typing import Any

import pytest

from clnp_core.errors import ConfigError
from db.states import RunState, TrialState
from orchestrator.config.config import Config
from tests.messages import naming
from tests.orchestrator.laboratory import Heard, Laboratory, small

PACKS = {"max_concurrent_trials": 1, "trials_per_pack": 3}


class CutShortError(Exception):
    """When a pack has been recorded."""


def named(name: str, rates: list[float], **sweep: object) -> Config:
    """Trials of one task, in packs of three."""
    config = small(benchmark={"tasks": 1}, sweep={"learning_rate": rates, **sweep}, resources=PACKS)
    return Config.parse({**config.resolved(), "name": name})


@pytest.mark.whole
@pytest.mark.usefixtures("ray_with_logical_gpus")
def test_only_what_is_missing_of_a_pack_is_recorded_and_it_ends_as_if_trained_whole(tmp_path: Path) -> None:
    laboratory = Laboratory(tmp_path, "ray")

    def cut_short(step: str, detail: Any) -> None:
        if (step, detail) == ("finished", 2):
            raise CutShortError

    with pytest.raises(CutShortError):
        laboratory.launch(named("whole", [0.001, 0.003, 0.01, 0.02]), Heard(when=cut_short))
    recorded = laboratory.trials("whole")
    assert [trial.state for trial in recorded] == [*[TrialState.FINISHED] * 3, TrialState.PENDING]
    laboratory.artifact(recorded[1].artifact_digest).unlink()  # what it stored is lost
    resumed = Heard()
    assert laboratory.resume("whole", resumed).state is RunState.COMPLETED
    assert resumed.of("finished") == [3]
    whole = laboratory.trials("whole")
    assert [(trial.attempts, trial.total_seconds) for trial in whole[:3]] == [
        (trial.attempts, trial.total_seconds) for trial in recorded[:3]]
    histories = [laboratory.read(lambda reads, n=n: reads.trial_history("whole", 1, n)) for n in range(4)]
    assert [[epoch.epoch for epoch in history] for history in histories] == [[1, 2]] * 4
    laboratory.artifact(whole[0].artifact_digest).unlink(missing_ok=True)  # taken over without its weights: nobody needs them

    others = Heard()
    assert laboratory.launch(named("other", [0.001, 0.005, 0.01, 0.02], reuse_trials=True), others).state is RunState.COMPLETED
    assert ("  task 1: 2 of 4 trials reused from run whole, and packs that lack a trial are trained as a whole"
            in others.of("notice"))
    other = laboratory.trials("other")
    assert sorted(others.of("finished")) == [0, 1], "the pack of 0, 1 and 2 is trained for 0 and 1, whose networks are missing"
    assert [trial.artifact_digest for trial in other if trial.number != 1] == [
        trial.artifact_digest for trial in whole if trial.number != 1], "whoever trains beside them"


def test_only_a_grid_can_be_cut_into_packs() -> None:
    drawn = {"sampler": "tpe", "samples": 4, "alpha": {"low": 1e-6, "high": 1e-3}, "learning_rate": {"low": 1e-3, "high": 1e-2}}
    with pytest.raises(ConfigError, match=naming("trials_per_pack")):
        small(resources=PACKS, sweep=drawn)
