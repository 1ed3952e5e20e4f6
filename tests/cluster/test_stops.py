"""A clean stop on several nodes, with weights in a bucket: the request reaches every node, and a resume finds what it left."""

import re
import signal
from pathlib import Path

import pytest

from db.rows import EpochRow, TrialRow
from db.states import TrialState
from tests.cluster.machines import Machines
from tests.cluster.runs import Drivers, both_running, undisturbed
from workers.storage.checkpoints import Checkpoints


@pytest.mark.slow
def test_trials_on_two_nodes_leave_checkpoints_in_a_bucket(
        drivers: Drivers, cluster: Machines, bucket: str, bucket_server: dict[str, str], tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    folder = Drivers(alone, f"sqlite:///{alone}/clnp.db", str(alone / "artifacts"))
    expected = undisturbed(folder, cluster, folder.config(epochs=600))

    in_bucket, settings = Drivers(tmp_path, drivers.url, bucket), cluster.environment | bucket_server
    config = in_bucket.config(epochs=600)
    driver = in_bucket.start(settings, "launch", config, "--set", "resources.stop_time_limit_seconds=120")
    in_bucket.wait_for(driver, "spread", lambda trials: both_running(trials) and all(
        len(epochs(in_bucket, trial)) > 2 for trial in trials if trial.state is TrialState.RUNNING))
    driver.send_signal(signal.SIGTERM)
    assert in_bucket.finish(driver) == 130, in_bucket.said()
    left = told(in_bucket, r"(trial \d) is stopped (?:in|after) epoch (\d+), and leaves a checkpoint$")
    assert len(left) == 2 and all(epoch > 1 for epoch in left.values())
    assert len(list(Checkpoints(bucket).stored())) == 2

    assert in_bucket.finish(in_bucket.start(settings, "resume", "spread")) == 0, in_bucket.said()
    assert told(in_bucket, r"(trial \d) continues (?:in|from) epoch (\d+)$") == left
    assert in_bucket.digests("spread") == expected
    assert list(Checkpoints(bucket).stored()) == []


def epochs(drivers: Drivers, trial: TrialRow) -> list[EpochRow]:
    """What the first attempt at a trial has told so far."""
    return list(drivers.read(lambda reads: reads.trial_history("spread", 1, trial.number, 1)))


def told(drivers: Drivers, sentence: str) -> dict[str, int]:
    """By trial the epochs in the events that match."""
    found = (re.search(sentence, event.message) for event in drivers.read(lambda reads: reads.events("spread")))
    return {match[1]: int(match[2]) for match in found if match}
