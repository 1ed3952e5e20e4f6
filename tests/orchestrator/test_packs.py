"""Runs that train in packs: every trial has its rows, and a pack that is cut short is trained again while what it has recorded
stays."""

from pathlib import Path
from typing import Any

import pytest

from clnp_core.errors import ConfigError
from db.states import RunState, TrialState
from orchestrator.configuration.config import Config
from tests.orchestrator.runs import Heard, Laboratory, small

PACKS = {"max_concurrent_trials": 1, "trials_per_pack": 3}


class CutShortError(Exception):
    """In the middle of recording a pack."""


def named(name: str) -> Config:
    """Four trials of one task, in packs of three and one."""
    config = small(benchmark={"tasks": 1}, sweep={"learning_rate": [0.001, 0.003, 0.01, 0.02]}, resources=PACKS)
    return Config.parse({**config.resolved(), "name": name})


@pytest.mark.usefixtures("ray_with_logical_gpus")
def test_a_pack_that_was_cut_short_ends_as_if_nothing_had_happened(tmp_path: Path) -> None:
    laboratory = Laboratory(tmp_path)
    assert laboratory.launch(named("whole")).state is RunState.COMPLETED
    whole = laboratory.trials("whole")
    assert [trial.state for trial in whole] == [TrialState.FINISHED] * 4
    histories = [laboratory.read(lambda reads, n=n: reads.trial_history("whole", 1, n)) for n in range(4)]
    assert [[epoch.epoch for epoch in history] for history in histories] == [[1, 2]] * 4

    def interrupt(step: str, detail: Any) -> None:
        if (step, detail) == ("finished", 1):
            raise CutShortError

    with pytest.raises(CutShortError):
        laboratory.launch(named("cut-short"), Heard(when=interrupt))
    recorded = [trial for trial in laboratory.trials("cut-short") if trial.state is TrialState.FINISHED]
    assert [trial.number for trial in recorded] == [0, 1], "a part of the first pack"
    laboratory.artifact(recorded[0].artifact_digest).unlink()  # and what it stored is lost
    resumed = Heard()
    assert laboratory.resume("cut-short", resumed).state is RunState.COMPLETED
    assert sorted(resumed.of("finished")) == [2, 3]
    again = laboratory.trials("cut-short")
    assert [(trial.attempts, trial.ray_trial_id, trial.total_seconds) for trial in again[:2]] == [
        (trial.attempts, trial.ray_trial_id, trial.total_seconds) for trial in recorded], "what was recorded stays"
    assert laboratory.digests("cut-short") == laboratory.digests("whole")
    assert [trial.artifact_digest for trial in again] == [trial.artifact_digest for trial in whole]


def test_only_a_grid_can_be_cut_into_packs() -> None:
    drawn = {"sampler": "tpe", "samples": 4, "alpha": {"low": 1e-6, "high": 1e-3}, "learning_rate": {"low": 1e-3, "high": 1e-2}}
    with pytest.raises(ConfigError, match=r"resources: trials_per_pack has no meaning with the sampler tpe.*"):
        small(resources=PACKS, sweep=drawn)
