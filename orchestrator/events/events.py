"""The steps of a run, for whoever wants to hear of them: a terminal, a log, a web hook, a notebook.

A driver tells a :class:`Progress` what it does. :mod:`orchestrator.events.console` shows it,
:mod:`orchestrator.events.webhooks` passes it on.
"""

from collections.abc import Sequence

from db.records import Lease
from db.states import RunState
from db.store.store import Store
from orchestrator.config.sweep_section import GridPoint

STEP = "step"
"""The kind of the event that records a step."""

INTERRUPTED = "Ctrl-C"
"""The reason of a stop that came from the keyboard (or as a SIGTERM)."""


class Progress:
    """The steps of a run, for whoever wants to hear of them. This one is silent."""

    def step(self, run: str | None, text: str, task: int | None = None) -> None:
        """Something begins that takes a while and shows nothing else: Ray starts, a task is loaded, workers start. ``run`` is
        None where it is for a group of runs."""

    def run_started(self, run: str, trials_by_task: Sequence[int], parallel: int, done: Sequence[int], pack: int = 1) -> None:
        """Trials of every task in turn (0 for one that is learnt together with later ones), how many (packs of so many) run
        side by side, and how many of each are recorded."""

    def stage_started(self, task: int, trials: int, finished: int) -> None:
        """A sweep of ``trials`` begins; ``finished`` of them are recorded already."""

    def trial_started(self, number: int, point: GridPoint) -> None:
        """A worker begins a trial."""

    def trial_epoch(self, number: int, epoch: int, epochs: int, accuracy: float) -> None:
        """A trial ended an epoch with this validation accuracy (a fraction)."""

    def trial_finished(self, number: int, accuracy: float, seconds: float) -> None:
        """A trial ended with this validation accuracy (a fraction), unpruned."""

    def trial_failed(self, number: int, reason: str) -> None:
        """A trial has no result."""

    def selecting(self, picked: Sequence[int], best_accuracy: float) -> None:
        """The sweep has ended; these trials are within the margin and are pruned next."""

    def committed(self, task: int, chosen: int, test_accuracy: float, used_percent: Sequence[float], digest: str) -> None:
        """A task is committed: the chosen trial, the accuracy on test (a fraction), usage per hidden layer in percent (empty
        where the method does not divide the network), and the digest of the published network."""

    def notice(self, text: str) -> None:
        """Something that a person should know."""

    def stopping(self, reason: str) -> None:
        """Somebody asked the driver to stop, and why. Called in a signal handler or on another thread."""

    def stopped(self, reason: str) -> None:
        """The driver came to an end before the run did, because somebody asked for it: see :data:`INTERRUPTED`."""

    def close(self) -> None:
        """Nothing follows of the run's steps but how it ended."""

    def failed(self, run: str, state: RunState, reason: str) -> None:
        """The driver has let go of the run because of an error: where that leaves the run, and the error's text."""

    def ended(self, run: str, state: RunState, reason: str) -> None:
        """The driver has let go of the run, which is completed, depleted, cancelled or stopped; why, where it was stopped."""


class Relay(Progress):
    """Passes every step on to another one; whoever wants to hear of some of them overrides those."""

    def __init__(self, told: Progress) -> None:
        self.told = told

    def step(self, run: str | None, text: str, task: int | None = None) -> None:
        self.told.step(run, text, task)

    def run_started(self, run: str, trials_by_task: Sequence[int], parallel: int, done: Sequence[int], pack: int = 1) -> None:
        self.told.run_started(run, trials_by_task, parallel, done, pack)

    def stage_started(self, task: int, trials: int, finished: int) -> None:
        self.told.stage_started(task, trials, finished)

    def trial_started(self, number: int, point: GridPoint) -> None:
        self.told.trial_started(number, point)

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
    """Tell of a step and record it, for those who follow the run from elsewhere.

    Args:
        progress: who hears of the run's steps.
        store: where it is recorded, as an event of the kind :data:`STEP`.
        lease: of the run.
        text: what begins.
        task: that it is about.

    Raises:
        BusyError, DatabaseError: it was told, and cannot be recorded.
    """
    progress.step(lease.run_name, text, task)
    store.event(lease, STEP, text, {} if task is None else {"task": task})
