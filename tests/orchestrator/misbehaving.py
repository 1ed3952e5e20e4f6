"""A benchmark that notes where it is loaded, and misbehaves in trials when a file in its folder tells it to."""

import os
import signal
import threading
import time
from pathlib import Path

import ray
import torch

from workers.data.loader import Samples, TaskData


class Tasks:
    """Three easy tasks in ``folder``, which also holds the file ``loaded`` with a line per loading in a trial."""

    tasks = 3

    def __init__(self, seed: int, folder: str) -> None:
        self.seed, self.folder = seed, Path(folder)

    def task(self, number: int) -> TaskData:
        in_trial = ray.get_runtime_context().get_actor_id() is not None
        if not in_trial and (self.folder / "hang-job").exists():
            with (self.folder / "hung").open("a") as file:
                file.write(f"{os.getpid()}\n")
            time.sleep(600)
        if not in_trial and (self.folder / "die-job").exists():
            (self.folder / "die-job").unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        if in_trial:
            print(f"task {number} is loaded in a trial")
            os.write(2, b"and a line past Python\n")
            with (self.folder / "loaded").open("a") as file:
                file.write(f"{os.getpid()} {ray.get_gpu_ids()}\n")
            if (self.folder / "hang").exists():
                time.sleep(600)
            if (self.folder / "die").exists():
                (self.folder / "die").unlink()
                os.kill(os.getpid(), signal.SIGKILL)
            if (self.folder / "die-after-a-checkpoint").exists():
                threading.Thread(target=self._die_after_a_checkpoint, daemon=True).start()
            if (self.folder / "always-die").exists():
                os.kill(os.getpid(), signal.SIGKILL)
        generator = torch.Generator().manual_seed(self.seed + number)

        def part(size: int) -> Samples:
            inputs = torch.rand(size, 6, generator=generator)
            return Samples(inputs, (inputs[:, 0] > 0.5).to(torch.int64))

        return TaskData(part(200), part(100), part(100), 2)

    def _die_after_a_checkpoint(self) -> None:
        """End this process in the middle of its training, when a report has arrived and a checkpoint is stored. The file that
        asks for it holds the root of the store."""
        asked = self.folder / "die-after-a-checkpoint"
        checkpoints = Path(asked.read_text()) / "checkpoints"
        while not (self.folder / "reported").exists() or not list(checkpoints.glob("[!.]*")):
            time.sleep(0.01)
        asked.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
