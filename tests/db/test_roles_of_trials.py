"""Teachers beside the candidates of a stage: recorded, read, forked and copied with their role, and in no selection."""

import dataclasses

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from clnp_core.errors import StateError
from clnp_core.values import TrialRole
from db.dataframes import trials as trials_frame
from db.dialect import changing_schema
from db.engine import MIGRATION_LOCK, open_database, upgrade
from db.reads.curves import (
    ended_trials,
    most_correct_points,
    points_within,
    pruned_within_margin,
    sparsest_within,
    stage_points,
)
from db.reads.reads import Reads
from db.records import PlannedTrial
from db.schema.types import REVISIONS
from db.store.store import Store
from db.transfer import copy_database
from tests.db.builders import ARCHITECTURE, Driver, commit, downgrade_to, facts, grid, new_run, selection, verdicts
from tests.messages import naming

TEACHER = 3
"""The number of the teacher that follows three candidates."""


def plan() -> tuple[PlannedTrial, ...]:
    """Three candidates and a teacher, which has the key of nothing else."""
    return (*grid(3), PlannedTrial(TEACHER, "teacher-key", (0.0, 0.0, 0.0), 0.001, 11, TrialRole.TEACHER))


def swept(driver: Driver) -> Driver:
    """The stage is SELECTING; the teacher is better than every candidate."""
    driver.store.begin_sweep(driver.lease, 1, facts(), ARCHITECTURE, None, plan())
    for number in range(4):
        driver.finish(number)
    driver.store.end_sweep(driver.lease, 1)
    return driver


def committed(driver: Driver) -> Driver:
    """The stage is COMMITTED."""
    swept(driver).store.record_selection(driver.lease, 1, selection(), verdicts())
    driver.store.record_commit(driver.lease, 1, commit(1))
    return driver


def roles(reads: Reads, run: str = "demo") -> list[TrialRole]:
    return [trial.role for trial in reads.trials(run, 1)]


EXPECTED = [TrialRole.CANDIDATE] * 3 + [TrialRole.TEACHER]


def test_the_role_is_read_back_and_can_be_asked_for(driver: Driver, reads: Reads, engine: Engine, url: str) -> None:
    swept(driver)
    assert roles(reads) == EXPECTED and reads.trial("demo", 1, TEACHER).role is TrialRole.TEACHER
    assert [trial.number for trial in reads.trials("demo", 1, role=TrialRole.CANDIDATE)] == [0, 1, 2]
    assert [trial.number for trial in reads.trials("demo", role=TrialRole.TEACHER, limit=5)] == [TEACHER]
    assert list(trials_frame("demo", url=url).role) == [role.value for role in EXPECTED]
    with engine.connect() as connection:
        found = connection.execute(text("SELECT role FROM clnp_v_trials ORDER BY number")).scalars().all()
    assert found == [role.value for role in EXPECTED]
    assert reads.stage("demo", 1).trials_total == 4


def test_a_selection_judges_the_candidates_and_no_teacher(driver: Driver, reads: Reads) -> None:
    swept(driver)
    with pytest.raises(StateError, match=naming(3)):
        driver.store.record_selection(driver.lease, 1, selection(), verdicts(numbers=(0, 1, 2, TEACHER)))
    driver.store.record_selection(driver.lease, 1, selection(), verdicts())
    assert [verdict.number for verdict in reads.verdicts("demo")] == [0, 1, 2]
    driver.store.record_selection(driver.lease, 1, selection(), verdicts())
    assert reads.trial("demo", 1, TEACHER).verdict is None


def test_what_a_margin_is_answered_from_knows_no_teacher(driver: Driver, reads: Reads) -> None:
    swept(driver)
    assert [trial.number for trial in ended_trials(reads, "demo", 1)] == [0, 1, 2]
    assert {point.number for point in points_within(reads, "demo", 1, 0)} == {0, 1, 2}
    assert [point.number for point in sparsest_within(reads, "demo", 1, 0)] == [0, 1, 2]
    assert TEACHER not in {point.number for point in stage_points(reads, "demo", 1)}
    assert sorted(most_correct_points(reads, "demo", 1)) == [0, 1, 2]
    assert sorted(pruned_within_margin(reads, "demo", 1, "100")) == [0, 1, 2]


def test_the_plan_of_a_sampler_holds_teachers_alone(driver: Driver, reads: Reads) -> None:
    teachers = plan()[TEACHER:]
    driver.store.begin_sweep(driver.lease, 1, facts(), ARCHITECTURE, None, teachers)
    driver.store.add_trials(driver.lease, 1, grid(2))
    driver.store.begin_sweep(driver.lease, 1, facts(), ARCHITECTURE, None, teachers)
    assert [trial.number for trial in reads.trials("demo", 1)] == [0, 1, TEACHER]
    with pytest.raises(StateError):
        driver.store.begin_sweep(driver.lease, 1, facts(), ARCHITECTURE, None,
                                 [dataclasses.replace(teachers[0], key="another")])


def test_forks_and_copies_keep_the_role(driver: Driver, reads: Reads, empty_url: str, url: str) -> None:
    committed(driver).store.fork_run("demo", 1, new_run("child"))
    assert roles(reads, "child") == EXPECTED
    driver.store.release_lease(driver.lease)
    copy_database(url, empty_url)
    target = open_database(empty_url)
    assert roles(Reads(target)) == EXPECTED
    target.dispose()


def test_an_older_revision_has_candidates_only(empty_url: str) -> None:
    engine = open_database(empty_url, create=True)
    reads = Reads(engine)
    committed(Driver.of_new_run(Store(engine)))
    with pytest.raises(IntegrityError, match="ck_clnp_trials_role"), changing_schema(engine, MIGRATION_LOCK) as connection:
        connection.execute(text("UPDATE clnp_trials SET role = 'pupil'"))
    with changing_schema(engine, MIGRATION_LOCK) as connection:
        downgrade_to(connection, "0006")
    assert upgrade(empty_url) == ("0006", REVISIONS[-1])
    assert roles(reads) == [TrialRole.CANDIDATE] * 3 and len(reads.trial_history("demo", 1, 1)) == 1
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM clnp_epochs")).scalar() == 3
    engine.dispose()
