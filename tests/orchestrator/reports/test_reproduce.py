"""The runs of a table: what is over is left as it is."""

from pathlib import Path

import pytest
import yaml
from sqlalchemy import text
from sqlalchemy.orm import Session

from clnp_core.errors import StateError
from db.engine import open_database
from db.liveness import this_owner
from db.records import TrialFailure
from db.states import FailureKind
from db.store.store import Store
from orchestrator.config.config import Config
from orchestrator.groups.groups import record_group
from orchestrator.groups.runner import PlainGroupProgress
from orchestrator.reports.paper_tables import asked, read_table
from orchestrator.reports.reproduce import make, planned, recorded, seeds_apart
from orchestrator.runs.location import Place
from tests.db.builders import Driver
from tests.messages import naming
from tests.orchestrator.groups.conftest import place_in
from tests.orchestrator.laboratory import SMALL, Heard


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
    told = [f"run {config.name}-seed-1 diverged and is skipped; `clnp resume {config.name}-seed-1` retrains it"
            for config in configs]
    assert make(place, configs, PlainGroupProgress(heard)) == {}
    assert heard.of("notice") == [*told, "row t-a", "row t-b"]
    assert make(place, configs, PlainGroupProgress(heard), at_once=2) == {}


def test_a_name_that_is_taken_is_told_before_anything_is_recorded(tmp_path: Path) -> None:
    place = place_in(tmp_path)
    record_group(place, Config.parse({**SMALL, "name": "other", "seeds": [1]}))
    wanted = [Config.parse({**SMALL, "name": name, "seeds": [2]}) for name in ("t-a", "other-seed-1")]
    with pytest.raises(StateError) as refused:
        make(place, wanted, PlainGroupProgress(Heard()))
    assert "there is already a run 'other-seed-1' that is not of this table" in str(refused.value)
    assert "--prefix" in refused.value.hint
    with place.reads() as reads:
        assert {row.name for row in reads.runs()} == {"other-seed-1"}


def test_a_name_of_a_run_that_a_group_lacks_is_tried_too(tmp_path: Path) -> None:
    place = place_in(tmp_path)
    record_group(place, Config.parse({**SMALL, "name": "t-a", "seeds": [1]}))
    record_group(place, Config.parse({**SMALL, "name": "t", "seeds": [3]}))
    (tmp_path / "base.yaml").write_text(yaml.safe_dump({**SMALL, "name": "base"}))
    (tmp_path / "x.yaml").write_text("title: X\nconfig: base.yaml\nseeds: [1, 3]\nrows: [{name: b}, {name: a}]\n")
    engine = open_database(place.url)
    with Session(engine) as session:
        session.execute(text("UPDATE clnp_runs SET name = 't-a-seed-3' WHERE name = 't-seed-3'"))
        session.commit()
    engine.dispose()
    wanted = asked(read_table(tmp_path / "x.yaml"), tmp_path / "x.yaml", prefix="t")
    for attempt in (lambda: planned(place, wanted), lambda: make(place, wanted.configs, PlainGroupProgress(Heard()))):
        with pytest.raises(StateError, match=naming("t-a-seed-3")):
            attempt()
    with place.reads() as reads:
        assert {row.name for row in reads.runs()} == {"t-a-seed-1", "t-a-seed-3"}


def test_seeds_that_a_group_lacks_or_has_besides_are_told(tmp_path: Path) -> None:
    place = place_in(tmp_path)
    record_group(place, Config.parse({**SMALL, "name": "t-a", "seeds": [1, 2]}))
    wanted = [Config.parse({**SMALL, "name": name, "seeds": [2, 7]}) for name in ("t-a", "t-b")]
    assert seeds_apart(wanted, recorded(place, wanted)) == [
        "Group t-a has further seeds, which are included: 1.", "Group t-a has no run with these seeds yet: 7."]


def test_a_plan_tells_what_is_there(tmp_path: Path) -> None:
    place = place_in(tmp_path)
    (tmp_path / "base.yaml").write_text(yaml.safe_dump({**SMALL, "name": "base"}))
    (tmp_path / "t.yaml").write_text("title: T\nconfig: base.yaml\nseeds: [1, 2]\nrows: [{name: a}, {name: b}]\n")
    wanted = asked(read_table(tmp_path / "t.yaml"), tmp_path / "t.yaml")
    assert [(row.begun, row.missing) for row in planned(place, wanted)] == [((), (1, 2))] * 2
    record_group(place, wanted.configs[0].model_copy(update={"seeds": (1,)}))
    assert [(row.over, row.begun, row.missing) for row in planned(place, wanted)] == [((), (1,), (2,)), ((), (), (1, 2))]
