"""Actions on a run: watch, resume, stop, cancel, verify, export, report, remove."""

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
    """The actions of a run's handle. An action that raises has no effect, unless documented otherwise."""

    __slots__ = ()

    name: str
    """Name of the run."""

    def follow(self, stream: TextIO | None = None) -> None:
        """Print its events and progress until no driver is running. Its driver may be a process on any machine; Ctrl-C (or
        interrupting the notebook) ends the watching, not the run.

        Args:
            stream: output stream; None for standard output.
        """

        follow(self.place, self.name, stream or sys.stdout)

    def follow_events(self, after_id: int = 0) -> Iterator[EventRow]:
        """Yield its events as they are recorded, oldest first; end when no driver is running and all are yielded.

        Args:
            after_id: yield only events after the event with this id.
        """

        return events(self.place, self.name, after_id)

    def resume(self, *, retry_failed: bool = False, accept_environment: bool = False,
               progress: "Progress | None" = None) -> Self:
        """Resume it in this process, see :func:`clnp.resume`; return it when its driver has ended."""
        from orchestrator.driver.launch import resume_run

        resume_run(self.place, self.name, retry_failed, accept_environment, progress)
        return self

    def start(self, *, retry_failed: bool = False, accept_environment: bool = False) -> Self:
        """Resume it in a background process; return it as soon as its driver is running.

        Args:
            retry_failed, accept_environment: as in :func:`clnp.resume`.

        Raises:
            BusyError: another driver holds it.
            StateError: it was cancelled, or is depleted.
            RunFailedError: the driver ended at once; the message has its output.
        """
        from orchestrator.jobs.start import start_again

        start_again(self.place, self.name, retry_failed, accept_environment)
        return self

    def stop(self) -> None:
        """Ask its driver, on any machine, to stop cleanly; it stops within seconds, and ``resume`` continues later.

        Raises:
            StateError: no driver holds it.
        """

        request_stop(self.name, url=self.place.url)

    def cancel(self) -> None:
        """Cancel it. Its records stay, and its commits can be forked.

        Raises:
            StateError: it has ended already.
        """

        request_cancel(self.name, url=self.place.url)

    def verify(self) -> "tuple[VerifiedCommit, ...]":
        """Verify zero forgetting from storage, see :func:`clnp.verify`."""

        return verify_run(self.place, self.name)

    def what_if(self, margin: "float | str | Decimal", *more: "float | str | Decimal",
                task: int | None = None) -> "OtherMargins":
        """Return what other margins would have chosen, from the records only: nothing is trained, and no weights are read.

        Args:
            margin, more: margins in percentage points.
            task: only this task; None for all selected tasks.

        Raises:
            NotFoundError: there is no such task.
            StateError: nothing is selected yet.
            ConfigError: a margin is not a number from 0 to 100.
        """

        return other_margins(self.place, self.name, [margin, *more], task)

    def margin_curve(self, task: int | None = None) -> "DataFrame":
        """Return accuracy and free capacity over all margins from 0 to 100: a row wherever the choice changes. Errors as
        :meth:`what_if`."""

        return all_margins(self.place, self.name, task)

    def export(self, task: int, folder: "str | Path | None" = None, *, from_commit: int | None = None) -> "Export":
        """Write the part of the network that a task needs as small dense models, ONNX and torch, with a model card, to a
        folder, after comparing all of it with the committed network.

        Args:
            task: a committed task.
            folder: the folder to create; None for ``RUN-task-K`` in the working folder.
            from_commit: use the network after this task, the same or a later one; None for the task's own.

        Returns:
            The export: ``.folder``, and ``.card`` with sizes, latency and comparisons.

        Raises:
            The errors of :func:`orchestrator.export.export.export_task`.
        """
        from orchestrator.export.export import export_task

        return export_task(self.place, self.name, task, folder, from_commit=from_commit)

    def report(self, folder: "str | Path | None" = None) -> "Report":
        """Write a report: a self-contained page, figures, and tables; for an unfinished run, of what is recorded so far.

        Args:
            folder: the folder to write to; None for ``RUN-report`` in the working folder. Files of an earlier report of this
                    run are replaced.

        Returns:
            The report: ``.folder`` and ``.files``.

        Raises:
            ConfigError: the folder cannot be written, or contains other files.
        """
        from orchestrator.reports.report import write_report

        with self.place.reads() as reads:
            return write_report(reads, self.name, Path(folder or folder_named_after(self.name, "-report")))

    def remove(self) -> int:
        """Remove it, and the weights that no other run refers to, see :func:`clnp.remove`; return the bytes freed. The handle
        is invalid afterwards."""

        return remove_run(self.place, self.name)
