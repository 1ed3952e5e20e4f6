"""A pack of grid points as a reusable Tune trainable.

A foreseen error is returned as a value instead of a Ray traceback, and does not count as a lost machine: Ray retries only if a
process died.
"""

import faulthandler
from functools import partial
from typing import Any

import ray
from ray import tune

from workers import capture
from workers.environment import host_name
from workers.jobs.pack_attempt import PackAttempt, Report, StageWork
from workers.ray.remote_jobs import is_asked_to_stop
from workers.spec import TrialSpec

GRACE_SECONDS = 5.0
"""How long after its time limit a trial that does not respond is ended by force."""


class PackTrainable(tune.Trainable):
    """A :class:`workers.jobs.pack_attempt.PackAttempt` in a warm process that trains one pack after another
    (``reuse_actors``).

    ``config["trials"]`` is a list of :class:`workers.spec.TrialSpec`; a second attempt has ``config["attempt"]``, and
    ``config["timed_out"]`` if a time limit has killed the process. ``config["wanted"]`` has the numbers of the trials to
    report. A pack that has stopped occupies its slot until it is ended, so that no other pack starts.
    """

    _output: capture.Output | None = None

    def setup(self, config: dict[str, Any], **shared: StageWork) -> None:
        self._work = shared["work"]
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._begin(new_config)
        return True

    def _begin(self, config: dict[str, Any]) -> None:
        work = self._work
        pack: list[TrialSpec] = config["trials"]
        if self._output is not None:
            self._output.end()
        if work.run is not None:
            self._output = capture.begin_trial(capture.OutputPlace(work.storage, work.run, pack[0].stage.task), self.trial_id,
                                               [trial.number for trial in pack], config.get("attempt", 1))
        if work.time_limit_seconds is not None:
            # A C thread that needs no interpreter lock also ends a trial that hangs inside a library.
            faulthandler.dump_traceback_later(work.time_limit_seconds + GRACE_SECONDS, exit=True, file=2)
        node = f"/{ray.get_runtime_context().get_node_id()[:8]}" if work.names_nodes else ""
        self._attempt = PackAttempt(work, pack, config["wanted"], f"{host_name()}{node}",
                                    None if work.stop_key is None else partial(is_asked_to_stop, work.stop_key), self._output,
                                    bool(config.get("timed_out", False)))

    def step(self) -> Report:
        return self._attempt.step()

    def cleanup(self) -> None:
        self._attempt.end()

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Do nothing: the trials store their artifacts and checkpoints themselves."""

    def load_checkpoint(self, checkpoint: object) -> None:
        """Do nothing."""
