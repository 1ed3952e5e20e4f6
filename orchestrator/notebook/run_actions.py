"""What can be done with a run: watch it, drive it, end it, prove it, take something out of it."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Self, TextIO

from db.rows import EventRow
from orchestrator.notebook.follow import events, follow
from orchestrator.notebook.handle import Drawn
from orchestrator.notebook.what_if_handle import all_margins, other_margins
from orchestrator.runs.operations import remove_run, request_cancel, request_stop, verify_run
from orchestrator.runs.run_names import folder_named_after

if TYPE_CHECKING:
    from decimal import Decimal
    from pathlib import Path

    from pandas import DataFrame

    from orchestrator.events.events import Progress
    from orchestrator.export.export import Export
    from orchestrator.notebook.what_if_handle import OtherMargins
    from orchestrator.reports.report import Report
    from orchestrator.runs.operations import VerifiedCommit


class RunDeeds(Drawn):
    """The part of a run's handle that does something. What raises an error does nothing, unless it says otherwise."""

    __slots__ = ()

    name: str
    """Of the run."""

    def follow(self, stream: TextIO | None = None) -> None:
        """Print what happens to it, in plain lines, until no driver is at work. Another process drives it, on any machine;
        Ctrl-C (or interrupting the notebook) ends the watching and not the run.

        Args:
            stream: where to print; None for standard output.
        """

        follow(self.place, self.name, stream or sys.stdout)

    def follow_events(self, after_id: int = 0) -> Iterator[EventRow]:
        """What happened and what happens, oldest first; it ends when no driver is at work and everything has been told.

        Args:
            after_id: only what was recorded after the event of this id.
        """

        return events(self.place, self.name, after_id)

    def resume(self, *, retry_failed: bool = False, accept_environment: bool = False,
               progress: "Progress | None" = None) -> Self:
        """Continue it in this process, as :func:`clnp.resume` says; returns it when its driver ends."""
        from orchestrator.driver.launch import resume_run

        resume_run(self.place, self.name, retry_failed, accept_environment, progress)
        return self

    def start(self, *, retry_failed: bool = False, accept_environment: bool = False) -> Self:
        """Go on with it in the background, by a process of its own; returns it as soon as a driver is at work.

        Args:
            retry_failed, accept_environment: as in :func:`clnp.resume`.

        Raises:
            BusyError: another driver holds it.
            StateError: it was cancelled, or is depleted.
            RunFailedError: the driver ended at once; with what it said.
        """
        from orchestrator.jobs.background import start_again

        start_again(self.place, self.name, retry_failed, accept_environment)
        return self

    def stop(self) -> None:
        """Ask its driver, wherever it runs, to stop cleanly; it stops within seconds, and ``resume`` continues later.

        Raises:
            StateError: no driver holds it.
        """

        request_stop(self.name, url=self.place.url)

    def cancel(self) -> None:
        """End it for good. What is recorded stays, and its commits can be forked.

        Raises:
            StateError: it has ended already.
        """

        request_cancel(self.name, url=self.place.url)

    def verify(self) -> "tuple[VerifiedCommit, ...]":
        """Prove zero forgetting once more, from what lies in storage, as :func:`clnp.verify` says."""

        return verify_run(self.place, self.name)

    def what_if(self, margin: "float | str | Decimal", *more: "float | str | Decimal",
                task: int | None = None) -> "OtherMargins":
        """What other margins would have chosen, from the records alone: nothing is trained, and no weights are read.

        Args:
            margin, more: in percentage points.
            task: only this one; None for all that are selected.

        Raises:
            NotFoundError: there is no such task.
            StateError: nothing is selected yet.
            ConfigError: a margin is no number from 0 to 100.
        """

        return other_margins(self.place, self.name, [margin, *more], task)

    def margin_curve(self, task: int | None = None) -> "DataFrame":
        """Accuracy against free capacity over all margins from 0 to 100: a row wherever the choice becomes another one. Errors
        as :meth:`what_if`."""

        return all_margins(self.place, self.name, task)

    def export(self, task: int, folder: "str | Path | None" = None, *, from_commit: int | None = None) -> "Export":
        """Write the part of the network that a task needs as small dense models, ONNX and torch, with a card, into a folder;
        everything is compared with the committed network first.

        Args:
            task: a committed one.
            folder: to make; None takes ``RUN-task-K`` in the working folder.
            from_commit: take the network after this task, the same or a later one; None takes the task's own.

        Returns:
            The export: ``.folder``, and ``.card`` with sizes, latency and what was compared.

        Raises:
            Everything that :func:`orchestrator.export.export.export_task` lists.
        """
        from orchestrator.export.export import export_task

        return export_task(self.place, self.name, task, folder, from_commit=from_commit)

    def report(self, folder: "str | Path | None" = None) -> "Report":
        """Write a report: a page that needs nothing else, figures, and tables. An unfinished run gets one of what there is.

        Args:
            folder: to write to; None takes ``RUN-report`` in the working folder. Of an earlier report of this run files are
                replaced.

        Returns:
            The report: ``.folder`` and ``.files``.

        Raises:
            ConfigError: the folder cannot be written, or holds what no report made.
        """
        from orchestrator.reports.report import write_report

        with self.place.reads() as reads:
            return write_report(reads, self.name, Path(folder or folder_named_after(self.name, "-report")))

    def remove(self) -> int:
        """Remove it, and the weights that no other run refers to, as :func:`clnp.remove` says; returns the bytes
        freed. The handle points to nothing afterwards."""

        return remove_run(self.place, self.name)
