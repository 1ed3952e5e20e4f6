"""The interface through which a driver reports its steps to terminals, logs, web hooks and notebooks.

A driver reports to a :class:`Progress`. :mod:`orchestrator.events.console` prints the steps,
:mod:`orchestrator.events.webhooks` forwards them.
"""

from collections.abc import Sequence

from clnp_core.values import TrialRole
from db.records import Lease
from db.states import RunState
from db.store.store import Store
from orchestrator.config.sweep_section import GridPoint

STEP = "step"
"""The kind of the event that records a step."""

INTERRUPTED = "Ctrl-C"
"""The reason of a stop by Ctrl-C (or SIGTERM)."""


class Progress:
    """Receives the steps of a run. This base class ignores them."""

    def step(self, run: str | None, text: str, task: int | None = None) -> None:
        """A slow step without other output begins: Ray starts, a task is loaded, workers start. ``run`` is None for a group
        of runs."""

    def run_started(self, run: str, trials_by_task: Sequence[int], parallel: int, done: Sequence[int], pack: int = 1) -> None:
        """The driver starts: the number of trials of each task (0 for a task that is learnt together with later ones), how many
        trials (or packs of ``pack``) run side by side, and how many trials of each task are recorded."""

    def stage_started(self, task: int, trials: int, finished: int) -> None:
        """A sweep of ``trials`` trials begins; ``finished`` of them are already recorded."""

    def trial_started(self, number: int, point: GridPoint, role: TrialRole = TrialRole.CANDIDATE) -> None:
        """A worker begins a trial, of a candidate of the selection or of a teacher."""

    def trial_epoch(self, number: int, epoch: int, epochs: int, accuracy: float) -> None:
        """A trial finished an epoch with this validation accuracy (a fraction)."""

    def trial_finished(self, number: int, accuracy: float, seconds: float) -> None:
        """A trial finished with this validation accuracy before pruning (a fraction)."""

    def trial_failed(self, number: int, reason: str) -> None:
        """A trial failed."""

    def selecting(self, picked: Sequence[int], best_accuracy: float) -> None:
        """The sweep has ended; these trials are within the margin and are pruned next."""

    def committed(self, task: int, chosen: int, test_accuracy: float, used_percent: Sequence[float], digest: str) -> None:
        """A task is committed: the chosen trial, the accuracy on test (a fraction), usage per hidden layer in percent (empty
        where the method does not divide the network), and the digest of the published network."""

    def notice(self, text: str) -> None:
        """A message for the user."""

    def stopping(self, reason: str) -> None:
        """The driver was asked to stop, for this reason. Called in a signal handler or on another thread."""

    def stopped(self, reason: str) -> None:
        """The driver stopped before the run was complete, for this reason, such as :data:`INTERRUPTED`."""

    def close(self) -> None:
        """No further steps follow, only the outcome."""

    def failed(self, run: str, state: RunState, reason: str) -> None:
        """The driver released the run because of an error: the state of the run, and the error's text."""

    def ended(self, run: str, state: RunState, reason: str) -> None:
        """The driver released the run, which is completed, depleted, cancelled or stopped; the reason if it was stopped."""


class Relay(Progress):
    """Forwards every step to another progress; subclasses override the steps that they observe."""

    def __init__(self, told: Progress) -> None:
        self.told = told

    def step(self, run: str | None, text: str, task: int | None = None) -> None:
        self.told.step(run, text, task)

    def run_started(self, run: str, trials_by_task: Sequence[int], parallel: int, done: Sequence[int], pack: int = 1) -> None:
        self.told.run_started(run, trials_by_task, parallel, done, pack)

    def stage_started(self, task: int, trials: int, finished: int) -> None:
        self.told.stage_started(task, trials, finished)

    def trial_started(self, number: int, point: GridPoint, role: TrialRole = TrialRole.CANDIDATE) -> None:
        self.told.trial_started(number, point, role)

    def trial_epoch(self, number: int, epoch: int, epochs: int, accuracy: float) -> None:
        self.told.trial_epoch(number, epoch, epochs, accuracy)

    def trial_finished(self, number: int, accuracy: float, seconds: float) -> None:
        self.told.trial_finished(number, accuracy, seconds)

    def trial_failed(self, number: int, reason: str) -> None:
        self.told.trial_failed(number, reason)

    def selecting(self, picked: Sequence[int], best_accuracy: float) -> None:
        self.told.selecting(picked, best_accuracy)

    def committed(self, task: int, chosen: int, test_accuracy: float, used_percent: Sequence[float], digest: str) -> None:
        self.told.committed(task, chosen, test_accuracy, used_percent, digest)

    def notice(self, text: str) -> None:
        self.told.notice(text)

    def stopping(self, reason: str) -> None:
        self.told.stopping(reason)

    def stopped(self, reason: str) -> None:
        self.told.stopped(reason)

    def close(self) -> None:
        self.told.close()

    def failed(self, run: str, state: RunState, reason: str) -> None:
        self.told.failed(run, state, reason)

    def ended(self, run: str, state: RunState, reason: str) -> None:
        self.told.ended(run, state, reason)


def tell_step(progress: Progress, store: Store, lease: Lease, text: str, task: int | None = None) -> None:
    """Report a step and record it, for observers of the run in other processes.

    Args:
        progress: receives the step.
        store: records the step, as an event of the kind :data:`STEP`.
        lease: the lease of the run.
        text: description of the step.
        task: task of the step, if any.

    Raises:
        BusyError, DatabaseError: it was reported, but could not be recorded.
    """
    progress.step(lease.run_name, text, task)
    store.event(lease, STEP, text, {} if task is None else {"task": task})
