"""A short campaign of kills that must come out clean, and sabotage that must not."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from clnp_core.errors import BusyError

ROOT = Path(__file__).resolve().parents[2]


def run(program: str, folder: Path, cpus: int = 1) -> str:
    """A campaign in a process of its own: it forks, and Ray reads its token only once in a process."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("CLNP_", "RAY_"))}
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, text=True, capture_output=True, timeout=1500,
                          env=environment | {"PYTHONPATH": str(ROOT), "CHAOS_LAB": str(folder), "CHAOS_CPUS": str(cpus)})
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout.splitlines()[-1]


BEGIN = """
import json, os, time
from pathlib import Path
from tests.chaos.campaign import begun
from tests.chaos.faults import Fault
from tests.chaos.judge import Snapshot, judge
folder = Path(os.environ["CHAOS_LAB"])
cpus = int(os.environ["CHAOS_CPUS"])
with begun(f"sqlite:///{folder / 'clnp.db'}", folder, cpus) as campaign:
"""


@pytest.mark.slow
def test_a_run_that_is_killed_again_and_again_ends_as_if_nothing_had_happened(tmp_path: Path) -> None:
    """The short form of `make chaos`."""
    faults = """
    left = campaign.fire([
        Fault("trial artifact: synced", 1, ("worker",)), Fault("trial artifact: renamed"),
        Fault("commit artifact: renamed", 1, ("driver", "worker")), Fault("record_commit: committing")], together=True)
    outcomes = {kind: [outcome.injected, [damage.all() for damage in outcome.damage]]
                for kind, outcome in campaign.outcomes.items()}
    print(json.dumps({"outcomes": outcomes, "left": len(left)}))
"""
    told = json.loads(run(BEGIN + faults, tmp_path))
    assert told["left"] == 0
    assert sum(injected for injected, _ in told["outcomes"].values()) == 4
    assert [damage for _, damage in told["outcomes"].values() if damage] == []


@pytest.mark.slow
def test_rows_that_are_written_before_their_artifacts_are_found(tmp_path: Path) -> None:
    """The sabotage: workers say that an artifact is stored, and store it seconds later."""
    sabotage = """
    (folder / "orders" / "rows-before-artifacts").touch()
    campaign.laboratory.drive("late", Fault("trial_reported: done", 1))
    time.sleep(1)
    snapshot = campaign.laboratory.ask(lambda reads: Snapshot.of(reads, "late", campaign.laboratory.storage("late")))
    print(json.dumps(len(snapshot.missing)))
"""
    assert json.loads(run(BEGIN + sabotage, tmp_path)) >= 1


@pytest.mark.slow
def test_a_driver_that_wakes_up_after_it_was_replaced_writes_nothing_unless_fencing_is_switched_off(tmp_path: Path) -> None:
    """The sabotage: the store no longer asks which driver writes. What a stale one then writes is counted."""
    sabotage = """
    import signal
    from contextlib import contextmanager
    import orchestrator.driver.lease as keeper
    from db.store.writer import Writer

    def impatient():
        keeper.HEARTBEAT_SECONDS, keeper.LEASE_SECONDS = 1.0, 6.0

    def unfenced():
        impatient()

        @contextmanager
        def driving(self, lease):
            with self._transaction() as session:
                yield session

        Writer._driving = driving

    laboratory, told = campaign.laboratory, {}
    for name, as_driver in (("fenced", impatient), ("unfenced", unfenced)):
        sleeper = laboratory.start(name, Fault("trial_reported: done", 1, how=signal.SIGSTOP), sabotage=as_driver)
        os.waitpid(sleeper, os.WUNTRACED)
        time.sleep(7)
        heir = laboratory.start(name, Fault("never"), sabotage=as_driver)
        while (pid := laboratory.ask(lambda reads: reads.run(name).owner.pid)) != heir:
            assert pid == sleeper
            time.sleep(0.1)
        os.kill(sleeper, signal.SIGCONT)
        ends = laboratory.end(sleeper), laboratory.end(heir)
        snapshot = laboratory.ask(lambda reads: Snapshot.of(reads, name, laboratory.storage(name)))
        told[name] = [*ends, laboratory.stale_writes(name), judge(snapshot, campaign.undisturbed).all()]
    print(json.dumps(told))
"""
    told = json.loads(run(BEGIN + sabotage, tmp_path, cpus=6))
    assert told["fenced"] == [BusyError.exit_code, 0, [], []]
    assert told["unfenced"][2], "the stale driver's writes were taken"
