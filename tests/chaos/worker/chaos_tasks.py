"""A benchmark of two easy tasks that also lies in wait on the workers: it ends them, and their driver, at the steps of a write.

What is to die, and where, stands in ``orders.json`` in the folder that ``CHAOS_FOLDER`` names::

    [{"boundary": "trial artifact: renamed", "occurrence": 2, "victims": ["worker", "driver"], "driver": 4711,
      "name": "what to write down"}]

The boundaries of an artifact are ``written`` (not yet fsynced), ``synced`` (not yet renamed), ``renamed`` (its folder not yet
fsynced) and ``done``. They are counted over all workers, by files, and obeyed once.
"""

import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from workers.data.loader import Samples, TaskData
from workers.storage.local import FolderFiles

STEPS = ("written", "synced", "renamed", "done")
KINDS = ("trial", "commit")
LATE_SECONDS = 4.0


class Tasks:
    """Two tasks of two classes; each asks for another input."""

    tasks = 2

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def task(self, number: int) -> TaskData:
        if "CHAOS_FOLDER" in os.environ:
            lie_in_wait(Path(os.environ["CHAOS_FOLDER"]))
        generator = torch.Generator().manual_seed(self.seed + number)

        def part(size: int) -> Samples:
            inputs = torch.rand(size, 6, generator=generator)
            return Samples(inputs, (inputs[:, number] > 0.5).to(torch.int64))

        return TaskData(part(200), part(100), part(100), 2)


def lie_in_wait(folder: Path) -> None:
    """Watch every write of an artifact in this process, from now on."""
    if getattr(os, "_chaos", False):
        return
    os._chaos = True  # type: ignore[attr-defined]  # a mark that this process is watched
    fsync, replace = os.fsync, Path.replace
    kind_of: dict[str, str] = {}  # folder of the file that was renamed last, until that folder is synced

    def watched_fsync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        kind = _kind(path) if path.name.startswith(".writing-") else kind_of.pop(str(path), "")
        if kind and path.name.startswith(".writing-"):
            _reach(folder, f"{kind} artifact: written")
        fsync(descriptor)
        if kind and not path.name.startswith(".writing-"):
            _reach(folder, f"{kind} artifact: done")

    def watched_replace(self: Path, target: Any) -> Path:
        kind = _kind(self) if self.name.startswith(".writing-") else ""
        if kind:
            _reach(folder, f"{kind} artifact: synced")
        moved = replace(self, target)
        if kind:
            kind_of[str(Path(target).parent)] = kind
            _reach(folder, f"{kind} artifact: renamed")
        return moved

    os.fsync = watched_fsync  # type: ignore[assignment]  # watching replaces it
    Path.replace = watched_replace  # type: ignore[method-assign, assignment]  # likewise
    if (folder / "rows-before-artifacts").exists():
        _write_late()


def _kind(path: Path) -> str:
    head = path.read_bytes()[:4000]
    return next((kind for kind in KINDS if f'\\"kind\\":\\"{kind}\\"'.encode() in head), "")


def _reach(folder: Path, boundary: str) -> None:
    """Count, and obey the order that waits for this, if any."""
    try:
        orders = json.loads((folder / "orders.json").read_text())
    except (OSError, ValueError):
        return
    if not any(order["boundary"] == boundary for order in orders):
        return
    name, count = boundary.replace(" ", "-"), 1
    while True:  # the first free number is this one's, whatever other workers do meanwhile
        try:
            os.close(os.open(folder / f"reached-{name}-{count}", os.O_CREAT | os.O_EXCL))
            break
        except FileExistsError:
            count += 1
    order = next((order for order in orders if (order["boundary"], order["occurrence"]) == (boundary, count)), None)
    if order is None:
        return
    with (folder / "obeyed").open("a") as file:
        file.write(f"{order['name']}\n")
    if "driver" in order["victims"]:
        os.kill(order["driver"], signal.SIGKILL)
    if "worker" in order["victims"]:
        os.kill(os.getpid(), signal.SIGKILL)


def _write_late() -> None:
    """Sabotage: say that an artifact is stored, and store it seconds later."""
    write: Callable[[FolderFiles, str, bytes], None] = FolderFiles.write

    def late(self: FolderFiles, name: str, content: bytes) -> None:
        threading.Timer(LATE_SECONDS, write, (self, name, content)).start()

    FolderFiles.write = late  # type: ignore[method-assign]  # the sabotage
