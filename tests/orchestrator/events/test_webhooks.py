"""Hooks against a real HTTP server and real commands: what they are told, and that they never get in the way."""

import base64
import http.server
import json
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from clnp_core.errors import ConfigError
from db.states import RunState
from orchestrator.events import webhooks
from orchestrator.events.events import Progress
from orchestrator.events.webhooks import HookedProgress, hook_of, with_hooks
from tests.messages import tells
from tests.orchestrator.laboratory import Heard


@dataclass
class Server:
    """A server that notes what is posted, and answers with these codes in turn, the last one for ever."""

    port: int = 0
    answers: list[int] = field(default_factory=lambda: [204])
    posts: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    holds: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks/s3cret"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(webhooks, "PAUSES_SECONDS", (0.01, 0.01))
    noted = Server()
    noted.holds.set()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            noted.holds.wait()
            body = self.rfile.read(int(self.headers["Content-Length"]))
            noted.posts.append((self.path, dict(self.headers), json.loads(body)))
            self.send_response(noted.answers[0] if len(noted.answers) == 1 else noted.answers.pop(0))
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *arguments: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        noted.port = listening.server_address[1]
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield noted
        noted.holds.set()
        listening.shutdown()
        thread.join()


def commit(progress: Progress) -> None:
    progress.run_started("demo", [2], 2, [0])
    progress.stage_started(1, 2, 0)
    progress.committed(1, 3, 0.9694, [5.218, 10.0], "ab" * 32)


def test_a_web_hook_is_told_of_a_commit_and_of_the_end(server: Server) -> None:
    heard = Heard()
    progress = with_hooks(heard, [server.url])
    commit(progress)
    progress.ended("demo", RunState.COMPLETED, "")
    (path, headers, first), (_, _, last) = server.posts
    assert path == "/hooks/s3cret" and headers["Content-Type"] == "application/json"
    at = first.pop("at")
    assert at.endswith("+00:00") and first == {
        "event": "commit", "run": "demo", "state": "running", "task": 1, "chosen_trial": 3, "test_accuracy": 0.9694,
        "used_percent": [5.22, 10.0], "commit_digest": "ab" * 32, "reason": None}
    assert last.keys() == {*first, "at"} and (last["event"], last["state"], last["task"]) == ("end", "completed", None)
    assert heard.of("committed") == [1] and heard.of("notice") == []


@pytest.mark.parametrize(("end", "event", "state", "reason"), [
    (lambda told: told.failed("demo", RunState.FAILED, "the disk is full\nfree some"), "failure", "failed",
     "the disk is full\nfree some"),
    (lambda told: told.ended("demo", RunState.STOPPED, "clnp stop"), "stop", "stopped", "clnp stop"),
    (lambda told: told.ended("demo", RunState.CANCELLED, "clnp cancel"), "end", "cancelled", "clnp cancel"),
    (lambda told: told.ended("demo", RunState.DEPLETED, ""), "end", "depleted", None),
])
def test_every_end_has_its_event(server: Server, end: Any, event: str, state: str, reason: str | None) -> None:
    end(with_hooks(Progress(), [server.url]))
    [(_, _, body)] = server.posts
    assert (body["event"], body["run"], body["state"], body["reason"]) == (event, "demo", state, reason)


def test_a_web_hook_is_tried_three_times_and_then_a_notice(server: Server) -> None:
    server.answers = [503, 500, 204]
    heard = Heard()
    with_hooks(heard, [server.url]).ended("demo", RunState.COMPLETED, "")
    assert len(server.posts) == 3 and heard.of("notice") == []
    server.answers = [503]
    with_hooks(heard, [server.url]).ended("demo", RunState.COMPLETED, "")
    assert len(server.posts) == 6
    assert heard.of("notice") == ["the web hook at 127.0.0.1 was not notified of the end: it answered 503"]


@pytest.mark.parametrize(("answer", "posts"), [(404, 1), (302, 1), (429, 3)])
def test_what_is_refused_for_good_is_not_tried_again(server: Server, answer: int, posts: int) -> None:
    server.answers = [answer]
    heard = Heard()
    with_hooks(heard, [server.url]).ended("demo", RunState.COMPLETED, "")
    assert len(server.posts) == posts
    assert heard.of("notice") == [f"the web hook at 127.0.0.1 was not notified of the end: it answered {answer}"]


def test_credentials_are_sent_and_never_shown(server: Server) -> None:
    server.answers = [403]
    heard = Heard()
    target = f"http://ada:p%40ss@127.0.0.1:{server.port}/s3cret?token=t0k#part"
    with_hooks(heard, [target]).ended("demo", RunState.COMPLETED, "")
    [(path, headers, _)] = server.posts
    assert path == "/s3cret?token=t0k" and headers["Host"] == f"127.0.0.1:{server.port}"
    assert base64.b64decode(headers["Authorization"].removeprefix("Basic ")) == b"ada:p@ss"
    assert heard.of("notice") == ["the web hook at 127.0.0.1 was not notified of the end: it answered 403"]


def test_a_host_that_is_not_there_is_a_notice(server: Server, unused_port: int) -> None:
    heard = Heard()
    with_hooks(heard, [f"http://127.0.0.1:{unused_port}/s3cret", server.url]).ended("demo", RunState.COMPLETED, "")
    assert heard.of("notice") == ["the web hook at 127.0.0.1 was not notified of the end: Connection refused"]
    assert len(server.posts) == 1, "the other hook was told"


@pytest.fixture
def unused_port(server: Server) -> int:
    """A port that nobody listens on."""
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as closed:
        return int(closed.server_address[1])


def test_a_hook_that_hangs_holds_nothing_up_and_is_not_waited_for_for_ever(server: Server) -> None:
    server.holds.clear()
    heard = Heard()
    progress = HookedProgress(heard, [hook_of(server.url)], flush_seconds=0.3)
    commit(progress)
    assert heard.of("committed") == [1] and server.posts == []
    progress.ended("demo", RunState.COMPLETED, "")
    assert heard.of("notice") == ["hooks took too long: 2 calls not made or not answered"]


def script(folder: Path, text: str) -> str:
    """A command line that runs these lines of Python in ``folder``, whose name has a space."""
    path = folder / "a hook.py"
    path.write_text(f"import json, os, pathlib, sys, time\nhere = pathlib.Path({str(folder)!r})\n{text}\n")
    return f"{sys.executable} '{path}' 'one argument'"


def test_a_command_reads_json_and_finds_the_event_in_its_environment(tmp_path: Path) -> None:
    command = script(tmp_path, "body = json.loads(sys.stdin.readline())\n"
                               "(here / os.environ['CLNP_EVENT']).write_text(json.dumps([sys.argv[1:], body]))\n"
                               "print('nobody sees this')")
    heard = Heard()
    progress = with_hooks(heard, [command])
    commit(progress)
    progress.ended("demo", RunState.STOPPED, "Ctrl-C")
    assert heard.of("notice") == []
    arguments, body = json.loads((tmp_path / "commit").read_text())
    assert arguments == ["one argument"] and body["commit_digest"] == "ab" * 32
    assert json.loads((tmp_path / "stop").read_text())[1]["reason"] == "Ctrl-C"


@pytest.mark.parametrize(("text", "trouble"), [
    ("print('it broke', file=sys.stderr); sys.exit(3)", "it ended with 3: it broke"), ("sys.exit(2)", "it ended with 2"),
    ("time.sleep(60)", "it took longer than 0.5 s")])
def test_a_command_that_fails_is_a_notice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, trouble: str) -> None:
    if "sleep" in text:
        monkeypatch.setattr(webhooks, "TIMEOUT_SECONDS", 0.5)
    heard = Heard()
    with_hooks(heard, [script(tmp_path, text)]).ended("demo", RunState.COMPLETED, "")
    assert heard.of("notice") == [f"the hook {sys.executable} was not notified of the end: {trouble}"]


def test_troubles_are_told_while_the_run_goes_on(server: Server) -> None:
    server.answers = [404]
    heard = Heard()
    progress = with_hooks(heard, [server.url])
    commit(progress)
    deadline = time.monotonic() + 60
    while not heard.of("notice"):
        assert time.monotonic() < deadline
        progress.selecting([0], 0.9)
        time.sleep(0.01)
    assert heard.of("notice") == ["the web hook at 127.0.0.1 was not notified of the commit: it answered 404"]


@pytest.mark.parametrize(("target", "message"), [
    ("", ()), ("   ", ()), ("https://", ()),
    ("http://host:port/s3cret", ()),
    ("https://ho st/s3cret", ()),
    ("say 's3cret", ("quotation",)),
    ("no-such-program s3cret", ("no-such-program",))])
def test_a_hook_that_cannot_be_is_refused_before_anything_starts(target: str, message: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        with_hooks(Progress(), [target])
    assert tells(caught.value, *message)
    assert "s3cret" not in str(caught.value)


def test_without_hooks_nothing_stands_between() -> None:
    heard = Heard()
    assert with_hooks(heard, []) is heard
