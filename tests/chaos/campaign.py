"""A seeded campaign of kills: at every named boundary, inside transactions and renames, and at random moments.

    python -m tests.chaos.campaign --database sqlite --database postgresql --seed 1 \\
        --each 3 --inside 30 --random 100 --table outcomes.md

Every run is launched, killed, resumed and killed again until it completes, then held against one that nobody disturbed.
The exit code is 1 where anything was lost, doubled or wrong.
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.databases import database
from db.reads.reads import Reads
from db.states import RunState
from tests.chaos.faults import AT_RANDOM, STATEMENT, Fault
from tests.chaos.judge import Damage, Snapshot, compare, judge, merged
from tests.chaos.laboratory import CONFIG, KILLED, Laboratory, cluster, warm
from tests.chaos.worker.chaos_tasks import KINDS, STEPS

TASKS = CONFIG["benchmark"]["tasks"]
FIRST_COMMIT = "record_commit: done"
MOST_DRIVERS = 150
"""Of one run, before it counts as stuck."""


@dataclass
class Outcome:
    """What became of one kind of fault."""

    injected: int = 0
    damage: list[Damage] = field(default_factory=list)


@dataclass
class Campaign:
    """Runs under fire in one laboratory."""

    laboratory: Laboratory
    undisturbed: Snapshot
    seconds: float
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    runs: int = 0
    drivers: int = 0

    def fire(self, faults: Sequence[Fault], together: bool = False, late: bool = False) -> list[Fault]:
        """One run that is killed by each fault, as far as it reaches them.

        Args:
            faults: in the order in which they are tried.
            together: lie in wait with all of them at once, and take whichever comes first.
            late: with all but one of them only after the first commit.

        Returns:
            The faults that it completed without.
        """
        self.runs += 1
        run, waiting, came = f"run-{self.runs}", list(faults), []
        seen: list[Snapshot] = []
        damage: list[Damage] = []
        for _ in range(MOST_DRIVERS):
            given = _for_one_driver(waiting) if together else waiting[:1]
            if late and not seen:
                given = [fault for fault in given if fault.boundary == FIRST_COMMIT]
            status = self.laboratory.drive(run, *given)
            self.drivers += 1
            now = self._look(run)
            obeyed = self.laboratory.obeyed()
            struck = [fault for fault in given if fault.name in obeyed or (fault.boundary == AT_RANDOM and status == KILLED)]
            came += struck
            for fault in struck if together else given:
                waiting.remove(fault)
            if not together:
                waiting += [fault for fault in given if fault not in struck]  # perhaps by the next driver, or in the next run
            if now is not None:
                if seen:
                    damage.append(compare(seen[-1], now))
                seen.append(now)
                if now.state is RunState.COMPLETED:
                    break
            if status not in (0, KILLED):
                damage.append(Damage(other=[f"{run}: a driver ended with {status}: {self._last_words(run)}"]))
                if not struck:
                    break
        damage.append(judge(seen[-1], self.undisturbed) if seen else Damage(other=[f"{run} was never recorded"]))
        total = merged(damage)
        for fault in came:
            outcome = self.outcomes.setdefault(_kind(fault), Outcome())
            outcome.injected += 1
            if total.all():
                outcome.damage.append(total)
        print(f"{run}: {len(came)} kills, {'; '.join(total.all()) or 'as if nothing had happened'}", flush=True)
        shutil.rmtree(self.laboratory.storage(run), ignore_errors=True)
        return waiting

    def _look(self, run: str) -> Snapshot | None:
        if not self.laboratory.exists(run):
            return None
        snapshot: Snapshot = self.laboratory.ask(
            lambda reads: Snapshot.of(reads, run, self.laboratory.storage(run)))
        return snapshot

    def _last_words(self, run: str) -> str:
        return (self.laboratory.folder / f"{run}.log").read_text(errors="replace").strip().splitlines()[-1][:300]

    def fire_all(self, lives: Sequence[Sequence[Fault]], together: bool = False, patience: int = 3) -> list[Fault]:
        """Each list of faults on a run of its own. What a run does not reach goes to further ones, until so many of them have
        reached none, and is returned then."""
        left: list[Fault] = []
        for number, faults in enumerate(lives):
            left += self.fire(faults, together, late=together and number % 2 == 1)
        while left and patience:
            before = len(left)
            left = self.fire(left, together)
            patience -= len(left) == before
        return left


def _for_one_driver(waiting: Sequence[Fault]) -> list[Fault]:
    """All that end the driver, and one that ends a worker for each kind of artifact: with more, a trial would count as lost."""
    once = {fault.name: fault for fault in reversed(waiting)}.values()
    worker = list({fault.boundary.split()[0]: fault for fault in once if not fault.ends_the_driver}.values())
    taken = {fault.boundary for fault in worker}
    return worker + [fault for fault in once if fault.ends_the_driver and fault.boundary not in taken]


def _kind(fault: Fault) -> str:
    victims = " and ".join(fault.victims)
    return f"{victims} killed {fault.boundary if fault.boundary in (AT_RANDOM, STATEMENT) else f'at {fault.boundary}'}"


def named_faults(trace: Sequence[str], each: int, dice: random.Random) -> list[list[Fault]]:
    """Every boundary that an undisturbed run reaches, once in each of so many runs; what the trials of a task reach several
    times, at the first or second time."""
    def drawn(boundary: str) -> int:
        return dice.choice((1, 2)) if boundary.startswith("trial") and Counter(trace)[boundary] > TASKS else 1

    boundaries = [boundary for boundary in dict.fromkeys(trace) if boundary != STATEMENT]
    stored = [Fault(f"{kind} artifact: {step}", 1, (victim,))
              for kind in KINDS for step in STEPS for victim in ("driver", "worker")]
    return [[*(Fault(boundary, drawn(boundary)) for boundary in boundaries), *stored] for _ in range(each)]


def inside_faults(trace: Sequence[str], count: int, dice: random.Random) -> list[Fault]:
    """Between two statements of a transaction, and with driver and worker dying together around a rename."""
    statements = Counter(trace)[STATEMENT]
    both = ("driver", "worker")
    return [Fault(STATEMENT, dice.randint(1, statements // 2)) if dice.random() < 0.6 else
            Fault(f"{dice.choice(KINDS)} artifact: {dice.choice(('synced', 'renamed'))}", 1, both) for _ in range(count)]


def random_faults(seconds: float, count: int, dice: random.Random) -> list[Fault]:
    """At any moment of a driver's life."""
    return [Fault(AT_RANDOM, after_seconds=dice.uniform(0.05, seconds)) for _ in range(count)]


def in_lots(faults: Sequence[Fault], size: int) -> list[Sequence[Fault]]:
    """So many to a run."""
    return [faults[place:place + size] for place in range(0, len(faults), size)]


@contextmanager
def begun(url: str, folder: Path, cpus: int = 2) -> Iterator[Campaign]:
    """A laboratory with a cluster, and what a run comes to there when nobody disturbs it."""
    with cluster(folder, cpus):
        warm()
        laboratory = Laboratory(url, folder)
        (folder / "orders" / "trace").unlink(missing_ok=True)
        began = time.monotonic()
        status = laboratory.drive("undisturbed")
        seconds = time.monotonic() - began
        assert status == 0, (folder / "undisturbed.log").read_text()

        def look(reads: Reads) -> Snapshot:
            return Snapshot.of(reads, "undisturbed", laboratory.storage("undisturbed"))

        yield Campaign(laboratory, laboratory.ask(look), seconds)


def table(campaigns: dict[str, Campaign]) -> str:
    """The outcomes in Markdown."""
    lines = ["| database | fault | times injected | lost results | double records | wrong commits | other |",
             "|---|---|---|---|---|---|---|"]
    for name, campaign in campaigns.items():
        for kind, outcome in campaign.outcomes.items():
            counts = [sum(bool(getattr(damage, column)) for damage in outcome.damage)
                      for column in ("lost_results", "double_records", "wrong_commits", "other")]
            lines.append(f"| {name} | {kind} | {outcome.injected} | {' | '.join(map(str, counts))} |")
    for name, campaign in campaigns.items():
        total = sum(outcome.injected for outcome in campaign.outcomes.values())
        lines += ["", f"{name}: {total} kills in {campaign.runs} runs, {campaign.drivers} drivers."]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run the campaign that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", action="append", choices=("sqlite", "postgresql"), help="may be repeated")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--each", type=int, default=3, help="kills at every named boundary")
    parser.add_argument("--inside", type=int, default=30, help="kills inside transactions and renames")
    parser.add_argument("--random", type=int, default=100, help="kills at random moments")
    parser.add_argument("--cpus", type=int, default=2, help="trials side by side; one makes a campaign half as dear")
    parser.add_argument("--table", type=Path, help="write the outcomes there, in Markdown")
    asked = parser.parse_args()
    campaigns: dict[str, Campaign] = {}
    unreached: list[Fault] = []
    for kind in asked.database or ["sqlite", "postgresql"]:
        folder, dice = Path(tempfile.mkdtemp(prefix="clnp-chaos-")), random.Random(asked.seed)
        with database(kind == "postgresql", str(folder)) as url, begun(url, folder, asked.cpus) as campaign:
            campaigns[kind] = campaign
            print(f"{kind}: an undisturbed run takes {campaign.seconds:.1f} s", flush=True)
            trace = campaign.laboratory.trace()
            began = time.monotonic()
            for lives, together in ((named_faults(trace, asked.each, dice), True),
                                    (in_lots(inside_faults(trace, asked.inside, dice), 15), False),
                                    (in_lots(random_faults(0.8 * campaign.seconds, asked.random, dice), 10), False)):
                unreached += campaign.fire_all(lives, together)
                if asked.table:
                    asked.table.write_text(table(campaigns))
            print(f"{kind}: {(time.monotonic() - began) / 60:.0f} min", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
    print(table(campaigns))
    if unreached:
        print(f"never reached: {json.dumps([fault.boundary for fault in unreached])}")
    damaged = any(outcome.damage for campaign in campaigns.values() for outcome in campaign.outcomes.values())
    return 1 if damaged else 0


if __name__ == "__main__":
    sys.exit(main())
