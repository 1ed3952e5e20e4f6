"""The runs of a table: what is over is left as it is."""

from pathlib import Path

from db.processes import this_owner
from db.records import TrialFailure
from db.session import open_database
from db.states import FailureKind
from db.store import Store
from orchestrator.configuration.config import Config
from orchestrator.groups.launching import record_group
from orchestrator.groups.telling import PlainTelling
from orchestrator.place import Place
from orchestrator.reproducing.running import make
from tests.db.builders import Driver
from tests.orchestrator.groups.conftest import place_in
from tests.orchestrator.runs import SMALL, Heard


def write_failed(place: Place, run: str, kind: FailureKind) -> None:
    """Record that every trial of a run's first task failed."""
    engine = open_database(place.url)
    try:
        store = Store(engine)
        driver = Driver(store, store.acquire_lease(run, this_owner(), 60.0))
        driver.begin(trials=2)
        for number in range(2):
            driver.start(number)
            store.trial_failed(driver.lease, 1, number, TrialFailure(kind, "so it went"))
        store.fail_stage(driver.lease, 1, "task 1: every trial failed")
        store.release_lease(driver.lease)
    finally:
        engine.dispose()


def test_a_run_that_diverged_is_not_trained_again(tmp_path: Path) -> None:
    place, heard = place_in(tmp_path), Heard()
    configs = [Config.parse({**SMALL, "name": name, "seeds": [1]}) for name in ("t-a", "t-b")]
    for config in configs:
        record_group(place, config)
        write_failed(place, f"{config.name}-seed-1", FailureKind.DIVERGED)
    told = [f"run {config.name}-seed-1 diverged, and is left so; `clnp resume {config.name}-seed-1` trains it again"
            for config in configs]
    assert make(place, configs, PlainTelling(heard)) == {}
    assert heard.of("notice") == [*told, "row t-a", "row t-b"]
    assert make(place, configs, PlainTelling(heard), at_once=2) == {}
