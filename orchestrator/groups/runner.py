"""Drive the runs of a group side by side: one driver process per run, all on one cluster; output lines name their run."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Protocol, TextIO

from clnp_core.errors import DatabaseError, RunFailedError
from orchestrator.events.events import Progress
from orchestrator.events.jsonl import JsonProgress
from orchestrator.jobs.own_packages import python_module
from orchestrator.jobs.start import driver_environment
from orchestrator.render.format import plural
from orchestrator.runs.location import Place


class GroupProgress(Protocol):
    """Receives what the drivers of a group write to standard error. Must be thread-safe.

    Every method raises OSError or ValueError if the output is closed.
    """

    @property
    def how(self) -> str:
        """The ``--progress`` option of every driver."""

    def line(self, run: str, text: str) -> None:
        """Write a line of a run's driver."""

    def step(self, text: str) -> None:
        """Report a slow step of the group as a whole."""

    def notice(self, text: str) -> None:
        """Report a message about the group as a whole."""


class PlainGroupProgress:
    """Writes plain lines, prefixed with the name of their run, as notices of a progress."""

    how = "plain"

    def __init__(self, progress: Progress) -> None:
        self._progress, self._lock = progress, threading.Lock()

    def line(self, run: str, text: str) -> None:
        self.notice(f"{run} | {text}")

    def step(self, text: str) -> None:
        with self._lock:
            self._progress.step(None, text)

    def notice(self, text: str) -> None:
        with self._lock:
            self._progress.notice(text)


class JsonGroupProgress:
    """Passes on the drivers' JSON lines, which name their run; other lines, such as errors, become notices."""

    how = "json"

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream, self._lock = stream or sys.stderr, threading.Lock()

    def line(self, run: str, text: str) -> None:
        with self._lock:
            if _is_object(text):
                print(text, file=self._stream, flush=True)
            else:
                JsonProgress(self._stream, run=run).notice(text)

    def step(self, text: str) -> None:
        with self._lock:
            JsonProgress(self._stream).step(None, text)

    def notice(self, text: str) -> None:
        with self._lock:
            JsonProgress(self._stream).notice(text)


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


PROGRAM = python_module("orchestrator.cli")
STOPPED = 130
"""The exit code of a driver that was stopped by a signal."""

READER_SECONDS = 5.0
"""How long the output of a driver is still read after it has ended."""


class Driver:
    """The process that drives one run. It has its own session, so that Ctrl-C reaches it only through us."""

    def __init__(self, run: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.run = run
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True, encoding="utf-8", errors="backslashreplace",
                                        start_new_session=True)

    def stop(self) -> None:
        """Ask it to stop cleanly; a second call interrupts it."""
        if self.process.poll() is None:
            self.process.terminate()

    def lines(self) -> Iterator[str]:
        """Yield the lines of its standard error until it ends."""
        assert self.process.stderr is not None
        with self.process.stderr as stream:
            for line in stream:
                yield line.rstrip("\n")


class SideBySide:
    """The drivers of a group.

    Args:
        place: the database and the artifact store of the runs.
        address: address of the shared cluster, as in ``RAY_ADDRESS``.
        telling: receives their output.
        options: options of ``clnp resume`` for every driver.
        program: command to start instead of ``clnp``, for tests.
    """

    def __init__(self, place: Place, address: str, telling: GroupProgress, options: Sequence[str] = (),
                 program: Sequence[str] = PROGRAM) -> None:
        self._place, self._telling = place, telling
        self._command = (*program, "resume", "--progress", telling.how, *options)
        self._environment = {**driver_environment(place), "PYTHONIOENCODING": "utf-8", "RAY_ADDRESS": address}
        self._drivers: list[Driver] = []
        self._codes: dict[str, int] = {}
        self._ending = threading.Lock()
        self._stopping = threading.Event()
        self._telling_fails = False

    def drive(self, runs: Sequence[str], at_once: int | None = None) -> dict[str, int]:
        """Drive recorded runs until all have ended. A failed run does not affect others; Ctrl-C, SIGTERM and SIGHUP stop all.

        Args:
            runs: their names, in the order in which they start.
            at_once: maximum number of concurrent drivers; None for all.

        Returns:
            The exit code of every run's driver.
        """
        threads: list[threading.Thread] = []
        room = threading.Semaphore(at_once or max(1, len(runs)))
        with self._signals():
            try:
                for run in runs:
                    room.acquire()
                    if self._stopping.is_set():
                        self._codes[run] = STOPPED
                        room.release()
                        continue
                    driver = Driver(run, (*self._command, run), self._environment)
                    self._drivers.append(driver)
                    if self._stopping.is_set():  # a signal arrived while it was starting
                        driver.stop()
                    threads.append(threading.Thread(target=self._follow, args=(driver, len(runs), room), name=f"clnp-{run}"))
                    threads[-1].start()
            except BaseException:
                self.stop()
                raise
            finally:
                for thread in threads:
                    thread.join()
        return {run: self._codes[run] for run in runs}

    def stop(self) -> None:
        """Ask all drivers to stop cleanly. May be called in a signal handler."""
        self._stopping.set()
        for driver in self._drivers:
            driver.stop()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Install signal handlers; only the main thread may do so."""
        def asked(number: int, frame: FrameType | None) -> None:
            self.stop()

        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        listens = threading.current_thread() is threading.main_thread()
        before = {number: signal.signal(number, asked) for number in numbers} if listens else {}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _follow(self, driver: Driver, runs: int, room: threading.Semaphore) -> None:
        """Pass on a driver's output, record its exit code, and make room for the next; runs on a thread per driver."""
        try:
            self._until_it_ends(driver, runs)
        finally:
            room.release()

    def _until_it_ends(self, driver: Driver, runs: int) -> None:
        reader = threading.Thread(target=self._read, args=(driver,), daemon=True)  # its children may keep the pipe open
        reader.start()
        code = driver.process.wait()
        reader.join(READER_SECONDS)
        if self._stopping.is_set() and (code < 0 or code == signal.SIGTERM):
            code = STOPPED  # before it handled signals, or while Ray did
        elif code < 0:
            self._tell(driver.run, f"error: its driver was ended from outside: {signal.strsignal(-code)}")
            self._tell(driver.run, f"hint: what is recorded is safe; `clnp resume {driver.run}` continues")
            code = RunFailedError.exit_code
        with self._ending:
            self._codes[driver.run] = code
            left = runs - len(self._codes)
            self._tell(None, f"run {driver.run} {self._state(driver.run)}" + (f"; {plural(left, 'run')} left" if left else ""))

    def _state(self, run: str) -> str:
        with suppress(DatabaseError), self._place.reads() as reads:
            return f"is {reads.run_state(run).value}"
        return "has ended"

    def _read(self, driver: Driver) -> None:
        for line in driver.lines():
            self._tell(driver.run, line)

    def _tell(self, run: str | None, text: str) -> None:
        """Pass on a line; if the output is closed, ask all drivers to stop."""
        if self._telling_fails:
            return
        try:
            if run is None:
                self._telling.notice(text)
            else:
                self._telling.line(run, text)
        except (OSError, ValueError):
            self._telling_fails = True
            self.stop()
