"""Notifications of a run's commits and its end, by web hook or command.

A hook never delays or fails a run: hooks are called on a separate thread, in the order of the events, and errors become
notices. Of an address only the host is ever shown, since the rest may be secret.
"""

import base64
import json
import os
import queue
import shlex
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol
from urllib.parse import unquote, urlsplit

from clnp_core.errors import ConfigError
from db.states import RunState
from orchestrator.events.events import Progress, Relay

VARIABLE = "CLNP_HOOK"
"""Environment variable with a hook for every run that is driven."""

TIMEOUT_SECONDS = 10.0
"""Timeout of one attempt at a web hook, and of a command."""

PAUSES_SECONDS = (1.0, 3.0)
"""Delays before the second and third attempt at a web hook."""

FLUSH_SECONDS = 40.0
"""How long the end of a run waits for running hooks: the longest time of one web hook."""


class HookError(Exception):
    """A hook failed; the message contains no secret."""


class Hook(Protocol):
    """A receiver of notifications."""

    @property
    def name(self) -> str:
        """Name of the hook in notices."""

    def call(self, event: str, body: bytes) -> None:
        """Send an event; ``body`` is JSON.

        Raises:
            HookError: the hook failed.
        """


@dataclass(frozen=True, slots=True)
class WebHook:
    """A URL that accepts JSON in a POST. A user name and password in it are sent as HTTP basic authentication."""

    url: str

    @property
    def name(self) -> str:
        return f"the web hook at {urlsplit(self.url).hostname}"

    def call(self, event: str, body: bytes) -> None:
        for pause in (*PAUSES_SECONDS, None):
            try:
                self._post(body)
                return
            except urllib.error.HTTPError as error:
                error.close()
                if pause is None or (error.code < 500 and error.code not in (408, 429)):
                    raise HookError(f"it answered {error.code}") from None
            except OSError as error:
                if pause is None:
                    reason = getattr(error, "reason", error)
                    raise HookError(str(getattr(reason, "strerror", None) or type(reason).__name__)) from None
            except Exception as error:  # not an HTTP response; its text may repeat the address
                raise HookError(type(error).__name__) from None
            time.sleep(pause)

    def _post(self, body: bytes) -> None:
        parts = urlsplit(self.url)
        login, _, host = parts.netloc.rpartition("@")
        request = urllib.request.Request(parts._replace(netloc=host, fragment="").geturl(), data=body, method="POST",
                                         headers={"Content-Type": "application/json", "User-Agent": "clnp"})
        if login:
            request.add_header("Authorization", f"Basic {base64.b64encode(unquote(login).encode()).decode()}")
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=TIMEOUT_SECONDS):
            pass


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Does not follow redirects: a redirected POST would become a GET, perhaps at another host."""

    def redirect_request(self, *arguments: object) -> None:
        return None


@dataclass(frozen=True, slots=True)
class CommandHook:
    """A command, started without a shell; it receives JSON on standard input and the event's name in ``CLNP_EVENT``."""

    words: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"the hook {self.words[0]}"

    def call(self, event: str, body: bytes) -> None:
        try:
            ended = subprocess.run(self.words, input=body + b"\n", env={**os.environ, "CLNP_EVENT": event},
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=TIMEOUT_SECONDS,
                                   start_new_session=True, check=False)
        except subprocess.TimeoutExpired:
            raise HookError(f"it took longer than {TIMEOUT_SECONDS:g} s") from None
        except OSError as error:
            raise HookError(error.strerror or type(error).__name__) from None
        if ended.returncode:
            said = ended.stderr.decode(errors="replace").strip().splitlines()
            raise HookError(f"it ended with {ended.returncode}" + (f": {said[-1]}" if said else ""))


def hook_of(target: str) -> Hook:
    """Return the hook of an ``http://`` or ``https://`` address, or of a command line.

    Raises:
        ConfigError: it is neither. The message does not repeat the target, which may contain a secret.
    """
    if target.lower().startswith(("http://", "https://")):
        try:
            parts = urlsplit(target)
            usable = bool(parts.hostname) and (parts.port is None or parts.port > 0) and target.isascii() and " " not in target
        except ValueError:
            usable = False
        if not usable:
            raise ConfigError("a hook is not an address that can be called", "write https://HOST/PATH, or a command")
        return WebHook(target)
    try:
        words = tuple(shlex.split(target))
    except ValueError as error:
        raise ConfigError(f"a hook is not a command line: {str(error).lower()}", "quote it as for a shell") from None
    if not words:
        raise ConfigError("a hook is empty", "write an http:// or https:// address, or a command")
    if shutil.which(words[0]) is None:
        raise ConfigError(f"the hook {words[0]!r} is not a program that can be started here",
                          "name a program on the PATH or by its full path, or an http:// or https:// address")
    return CommandHook(words)


def with_hooks(progress: Progress, targets: Sequence[str]) -> Progress:
    """Return a progress that also calls hooks for commits and the end; the same progress if there are no targets.

    Raises:
        ConfigError: as :func:`hook_of`.
    """
    hooks = [hook_of(target) for target in targets]
    return HookedProgress(progress, hooks) if hooks else progress


class HookedProgress(Relay):
    """Forwards every step, and calls hooks at ``commit``, ``failure``, ``stop`` and ``end``, in the background.

    Hooks receive JSON: ``event``, ``run``, ``state``, ``task``, ``chosen_trial``, ``test_accuracy`` (a fraction),
    ``used_percent`` (of the neurons of every hidden layer), ``commit_digest``, ``reason`` and ``at`` (UTC); null if not
    applicable.
    """

    def __init__(self, told: Progress, hooks: Sequence[Hook], flush_seconds: float = FLUSH_SECONDS) -> None:
        super().__init__(told)
        self._hooks, self._flush_seconds = hooks, flush_seconds
        self._run: str | None = None
        self._calls: queue.Queue[tuple[Hook, str, bytes]] = queue.Queue()
        self._troubles: queue.Queue[str] = queue.Queue()
        self._thread: threading.Thread | None = None

    def run_started(self, run: str, trials_by_task: Sequence[int], parallel: int, done: Sequence[int], pack: int = 1) -> None:
        self._run = run
        super().run_started(run, trials_by_task, parallel, done, pack)

    def stage_started(self, task: int, trials: int, finished: int) -> None:
        super().stage_started(task, trials, finished)
        self._tell_troubles()

    def selecting(self, picked: Sequence[int], best_accuracy: float) -> None:
        super().selecting(picked, best_accuracy)
        self._tell_troubles()

    def committed(self, task: int, chosen: int, test_accuracy: float, used_percent: Sequence[float], digest: str) -> None:
        super().committed(task, chosen, test_accuracy, used_percent, digest)
        self._call("commit", RunState.RUNNING, task=task, chosen_trial=chosen, test_accuracy=test_accuracy,
                   used_percent=[round(percent, 2) for percent in used_percent], commit_digest=digest)

    def failed(self, run: str, state: RunState, reason: str) -> None:
        super().failed(run, state, reason)
        self._run = run
        self._call("failure", state, reason=reason)
        self._flush()

    def ended(self, run: str, state: RunState, reason: str) -> None:
        super().ended(run, state, reason)
        self._run = run
        self._call("stop" if state is RunState.STOPPED else "end", state, reason=reason or None)
        self._flush()

    def _call(self, event: str, state: RunState, **facts: object) -> None:
        body = {"event": event, "run": self._run, "state": state.value, "task": None, "chosen_trial": None,
                "test_accuracy": None, "used_percent": None, "commit_digest": None, "reason": None, **facts,
                "at": datetime.now(UTC).isoformat(timespec="milliseconds")}
        for hook in self._hooks:
            self._calls.put((hook, event, json.dumps(body).encode()))
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="clnp-hooks", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while True:
            hook, event, body = self._calls.get()
            try:
                hook.call(event, body)
            except Exception as error:
                what = str(error) if isinstance(error, HookError) else type(error).__name__
                self._troubles.put(f"{hook.name} was not notified of the {event}: {what}")
            finally:
                self._calls.task_done()

    def _flush(self) -> None:
        """Wait for the hooks, for a limited time."""
        deadline = time.monotonic() + self._flush_seconds
        while self._calls.unfinished_tasks and time.monotonic() < deadline:
            time.sleep(0.02)
        left = self._calls.unfinished_tasks
        self._tell_troubles()
        if left:
            self.told.notice(f"hooks took too long: {left} {'call' if left == 1 else 'calls'} not made or not answered")

    def _tell_troubles(self) -> None:
        """Report errors on the driver's own thread, because only one thread may write to a terminal."""
        while True:
            try:
                self.told.notice(self._troubles.get_nowait())
            except queue.Empty:
                return
