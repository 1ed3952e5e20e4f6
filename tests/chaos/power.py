"""Power that goes at any moment of a run: its system calls are recorded, and every beginning of the record is a moment.

    python -m tests.chaos.power --resume 40

For every moment, and everything that may be left on the disk then (:mod:`tests.chaos.disk`), the database must open whole,
what the driver knew to be recorded must be there, and every row's artifact must be there with its digest. Then runs are resumed
from what was left, as many different ones as asked for, and must end like the one that nobody disturbed. The exit code is 1
where they do not. It needs strace. The database is SQLite: PostgreSQL answers for its own files.
"""

import argparse
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from db.states import RunState
from tests.chaos.disk import STRACE, Disk, Operation, operations
from tests.chaos.judge import Snapshot, judge
from tests.chaos.laboratory import CONFIG, Laboratory, cluster, warm

RUN = "undisturbed"
KEPT = ("clnp.db", "clnp.db-wal", "clnp.db-journal", "stores")
"""What a laboratory keeps on disk."""

INDEX = "clnp.db-shm"
"""Of the write-ahead log: made anew by whoever opens the database first."""

TRIALS = len(CONFIG["sweep"]["alpha"]) * len(CONFIG["sweep"]["learning_rate"])
"""Of a task."""

Left = dict[str, bytes | None]


@dataclass
class Losses:
    """What came of it.

    Attributes:
        operations: recorded.
        checked: different contents of the disk that were looked at.
        damage: in words.
        restarts: what runs can be resumed from, by what is recorded and stored in it.
    """

    operations: int = 0
    checked: int = 0
    damage: list[str] = field(default_factory=list)
    restarts: dict[str, tuple[str, Left]] = field(default_factory=dict)


def record(folder: Path) -> Path:
    """Record a whole run in a laboratory in this folder; returns the record."""
    log = folder / "calls"
    program = f"from tests.chaos.power import undisturbed; undisturbed({str(folder)!r})"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([*STRACE, "-o", str(log), sys.executable, "-c", program], check=True, env=environment, timeout=1200)
    return log


def undisturbed(folder: str) -> None:
    """What is recorded."""
    with cluster(Path(folder), cpus=1):
        warm()
        status = Laboratory(f"sqlite:///{folder}/clnp.db", Path(folder)).drive(RUN)
        assert status == 0, (Path(folder) / f"{RUN}.log").read_text()


@dataclass(frozen=True)
class Found:
    """What a restarted machine finds: how often each kind of write is recorded, and what is wrong with it."""

    recorded: Counter[str]
    wrong: tuple[str, ...]
    run: str = ""


def examine(done: Iterable[Operation], folder: Path) -> Losses:
    """Let the power go after every operation.

    Args:
        done: in the laboratory, relative to its folder.
        folder: it; the contents of disks are put there, in turn, because the database names places.
    """
    losses, disk, known = Losses(), Disk(), Counter[str]()
    looked: dict[str, Found] = {}
    for operation in done:
        losses.operations += 1
        disk.apply(operation)
        if operation.path == "orders/accepted" and operation.kind == "write":
            known.update(line.split()[2] for line in operation.content.decode().splitlines())
        if not operation.path.startswith(KEPT):
            continue
        for name, everything in disk.after_power_loss():
            left = {path: content for path, content in everything.items() if path.startswith(KEPT) and path != INDEX}
            mark = _mark(left)
            if mark not in looked:
                found = looked[mark] = look(folder, left)
                losses.damage += [f"{_moment(losses, operation)}, {name}: {text}" for text in found.wrong]
                if found.run:
                    losses.restarts.setdefault(found.run + _mark({path: None for path in left}), (name, left))
            for kind in ("begin_sweep", "trial_reported", "record_selection", "record_commit"):
                if looked[mark].recorded[kind] < known[kind]:
                    losses.damage.append(f"{_moment(losses, operation)}, {name}: {kind} returned {known[kind]} times, "
                                         f"{looked[mark].recorded[kind]} are recorded")
    losses.checked = len(looked)
    return losses


def _moment(losses: Losses, operation: Operation) -> str:
    return f"operation {losses.operations} ({operation.kind} {operation.path})"


def _mark(left: Left) -> str:
    digest = hashlib.sha256()
    for path, content in sorted(left.items()):
        digest.update(f"{path}\0{-1 if content is None else len(content)}\0".encode() + (content or b""))
    return digest.hexdigest()


def put(folder: Path, left: Left) -> None:
    """Make the laboratory's database and stores what a disk held."""
    for name in (*KEPT, INDEX):
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    for name, content in sorted(left.items()):
        if content is None:
            (folder / name).mkdir(exist_ok=True)
        else:
            (folder / name).write_bytes(content)


def look(folder: Path, left: Left) -> Found:
    """Put the disk's content there and read it as a restarted machine would."""
    put(folder, left)
    database = folder / "clnp.db"
    if not database.exists() or _no_tables(database):
        return Found(Counter(), ())
    laboratory = Laboratory(f"sqlite:///{database}", folder)
    if not laboratory.exists(RUN):
        return Found(Counter(), ())
    snapshot = laboratory.ask(lambda reads: Snapshot.of(reads, RUN, laboratory.storage(RUN)))
    wrong = [f"the artifact {digest[:12]} is recorded and not in the store" for digest in snapshot.missing]
    stored = laboratory.ask(lambda reads: {row.digest for row in reads.artifacts() if row.removed_at is None})
    for path, content in left.items():
        digest = Path(path).name.removesuffix(".safetensors")
        if content is not None and digest in stored and hashlib.sha256(content).hexdigest() != digest:
            wrong.append(f"{path} is recorded and damaged")
    recorded = Counter({"begin_sweep": snapshot.rows["trials"] // TRIALS, "trial_reported": len(snapshot.finished),
                        "record_selection": len(snapshot.selections), "record_commit": len(snapshot.commits)})
    return Found(recorded, tuple(wrong), repr(snapshot))


def _no_tables(database: Path) -> bool:
    connection = sqlite3.connect(database)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'clnp_runs'").fetchone()
    finally:
        connection.close()


def resumed(losses: Losses, folder: Path, end: Snapshot, count: int) -> Iterator[tuple[str, list[str]]]:
    """Resume from so many of the different remains, evenly spread over the run; yields each and what is wrong in the end."""
    places = list(losses.restarts.values())
    step = max(1.0, len(places) / count)
    chosen = [places[int(place * step)] for place in range(min(count, len(places)))]
    with cluster(folder, cpus=1):
        warm()
        laboratory = Laboratory(f"sqlite:///{folder}/clnp.db", folder)
        for name, left in chosen:
            put(folder, left)
            status = laboratory.drive(RUN)
            snapshot = laboratory.ask(lambda reads: Snapshot.of(reads, RUN, laboratory.storage(RUN)))
            wrong = judge(snapshot, end).all() + ([f"the driver ended with {status}"] if status else [])
            yield name, wrong


def main() -> int:
    """Record, examine and resume."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resume", type=int, default=20, help="how many of the different remains to resume from")
    asked = parser.parse_args()
    if shutil.which(STRACE[0]) is None:
        print("error: strace is missing\nhint: install it (on Debian and Ubuntu: apt-get install strace)", file=sys.stderr)
        return 2
    folder = Path(tempfile.mkdtemp(prefix="clnp-power-"))
    log = record(folder)
    laboratory = Laboratory(f"sqlite:///{folder}/clnp.db", folder)
    end = laboratory.ask(lambda reads: Snapshot.of(reads, RUN, laboratory.storage(RUN)))
    assert end.state is RunState.COMPLETED
    with log.open() as lines:
        losses = examine(operations(lines, str(folder)), folder)
    print(f"{losses.operations} operations, {losses.checked} different contents of the disk, "
          f"{len(losses.restarts)} to resume from, {len(losses.damage)} of them damaged", flush=True)
    for text in losses.damage[:20]:
        print(text)
    bad = 0
    for number, (name, wrong) in enumerate(resumed(losses, folder, end, asked.resume), start=1):
        bad += bool(wrong)
        print(f"resumed {number} ({name}): {'; '.join(wrong) or 'as if nothing had happened'}", flush=True)
    shutil.rmtree(folder)
    return 1 if losses.damage or bad else 0


if __name__ == "__main__":
    sys.exit(main())
