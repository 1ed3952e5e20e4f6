"""Parts of a cluster are lost in the middle of a sweep, and the run ends in the digests of one that nothing happened to."""

import time

import pytest

from db.states import RunState, TrialState
from tests.cluster.machines import Machines, machines
from tests.cluster.runs import Drivers, both_running, some_finished, undisturbed

EPOCHS = 250
"""Enough for a trial to be in the middle of its training when something is lost, on a fast machine too."""


@pytest.mark.slow
def test_a_lost_node_costs_nothing_but_time(drivers: Drivers, cluster: Machines) -> None:
    config = drivers.config(epochs=EPOCHS)
    driver = drivers.start(cluster.environment, "launch", config)
    drivers.wait_for(driver, "spread", both_running)
    time.sleep(1)
    node = next(iter(cluster.nodes))
    cluster.lose_node(node)
    assert drivers.finish(driver) == 0, drivers.said()
    trials = drivers.trials("spread")
    assert [trial.state for trial in trials] == [TrialState.FINISHED] * 3
    survivor = next(other for other in cluster.nodes if other != node)
    hosts = [str(trial.host).rpartition("/")[2] for trial in trials]
    assert {survivor[:8]} <= set(hosts) <= {node[:8] for node in cluster.nodes}
    assert max(trial.attempts for trial in trials) == 2
    moved = drivers.read(lambda reads: [row.message for row in reads.events("spread") if "died" in row.message])
    assert len(moved) == 1 and "retraining it" in moved[0]
    assert drivers.digests("spread") == undisturbed(drivers, cluster, config)


@pytest.mark.slow
def test_a_lost_head_ends_the_driver_in_bounded_time_and_the_run_can_go_on(drivers: Drivers, cluster: Machines) -> None:
    config = drivers.config(epochs=EPOCHS)
    driver = drivers.start(cluster.environment, "launch", config)
    drivers.wait_for(driver, "spread", some_finished)
    cluster.lose_head()
    began = time.monotonic()
    assert drivers.finish(driver, 90) == 10, drivers.said()
    assert time.monotonic() - began < 60
    told = (drivers.folder / "err").read_text().splitlines()[-2:]
    assert told == [f"error: the Ray cluster at {cluster.address} was lost: its head has not answered for 20 s",
                    "hint: start the cluster again, then `clnp resume spread`"]
    assert not drivers.read(lambda reads: reads.run("spread")).driver_lives
    finished = [trial.number for trial in drivers.trials("spread") if trial.state is TrialState.FINISHED]
    assert finished
    with machines(drivers.folder / "next.log") as fresh:
        driver = drivers.start(fresh.environment, "resume", "spread")
        assert drivers.finish(driver) == 0, drivers.said()
        assert drivers.read(lambda reads: reads.run("spread")).state is RunState.COMPLETED
        assert all(trial.attempts == 1 for trial in drivers.trials("spread") if trial.number in finished)
        assert drivers.digests("spread") == undisturbed(drivers, fresh, config)
