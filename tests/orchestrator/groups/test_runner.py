"""Drivers side by side, played by small programs in place of ``clnp``; real ones are in test_groups.py."""

import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from orchestrator.groups.runner import PlainGroupProgress, SideBySide
from orchestrator.runs.location import Place
from tests.orchestrator.groups.conftest import place_in
from tests.orchestrator.laboratory import Heard

RUNS = ["tiny-seed-0", "tiny-seed-1"]

UNTIL_STOPPED = """
import signal, sys, time
def stop(number, frame): print("stopping", file=sys.stderr, flush=True); sys.exit(130)
signal.signal(signal.SIGTERM, stop)
print("at work", file=sys.stderr, flush=True)
time.sleep(60)
"""


def _side_by_side(place: Place, heard: Heard, program: str, options: Sequence[str] = ()) -> SideBySide:
    return SideBySide(place, "10.0.0.1:6379", PlainGroupProgress(heard), options, (sys.executable, "-c", program))


def test_every_driver_is_told_where_and_how(place: Place) -> None:
    heard = Heard()
    program = ("import os, sys\nprint(*sys.argv[1:], os.environ['RAY_ADDRESS'], os.environ['CLNP_DB_URL'], "
               "os.environ['CLNP_STORAGE'], os.getpid() == os.getsid(0), file=sys.stderr)")
    assert _side_by_side(place, heard, program, ["--retry-failed"]).drive(RUNS) == dict.fromkeys(RUNS, 0)
    for run in RUNS:
        assert (f"{run} | resume --progress plain --retry-failed {run} 10.0.0.1:6379 {place.url} {place.storage} True"
                in heard.of("notice"))


def test_no_more_at_once_than_may_be(tmp_path: Path, place: Place) -> None:
    program = (f"import os, sys, time\nhere = {str(tmp_path)!r} + '/at-work'\nos.makedirs(here, exist_ok=True)\n"
               "mine = os.path.join(here, sys.argv[-1])\nopen(mine, 'w').close()\ntime.sleep(0.3)\n"
               "print('beside', len(os.listdir(here)), file=sys.stderr)\nos.remove(mine)")
    runs, heard = [*RUNS, "tiny-seed-2"], Heard()
    assert _side_by_side(place, heard, program).drive(runs, 2) == dict.fromkeys(runs, 0)
    beside = [int(told.rsplit(" ", 1)[1]) for told in heard.of("notice") if "beside" in told]
    assert len(beside) == 3 and max(beside) <= 2


def test_a_signal_stops_those_that_wait_for_room_too(place: Place) -> None:
    def when(step: str, told: str) -> None:
        if "tiny-seed-0 | at work" in heard.of("notice"):
            heard.when = lambda step, told: None
            os.kill(os.getpid(), signal.SIGINT)

    heard = Heard(when=when)
    assert _side_by_side(place, heard, UNTIL_STOPPED).drive(RUNS, 1) == dict.fromkeys(RUNS, 130)
    assert not any("tiny-seed-1 | " in told for told in heard.of("notice"))


def test_one_that_fails_ends_no_other(place: Place) -> None:
    heard = Heard()
    program = ("import sys, time\nlast = sys.argv[-1][-1]\nif last == '0': sys.exit('error: no')\ntime.sleep(0.5)\n"
               "print('done', file=sys.stderr)\nsys.exit(10 if last == '2' else 0)")
    runs = [*RUNS, "tiny-seed-2"]
    assert _side_by_side(place, heard, program).drive(runs) == dict(zip(runs, (1, 0, 10), strict=True))
    notices = heard.of("notice")
    assert {"tiny-seed-0 | error: no", "tiny-seed-1 | done", "tiny-seed-2 | done"} <= set(notices)
    assert notices[1] == "run tiny-seed-0 is completed; 2 runs left", "the state is the database's"
    assert notices[-1] in ("run tiny-seed-1 is completed", "run tiny-seed-2 is stopped")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_all_cleanly(place: Place, number: signal.Signals) -> None:
    def when(step: str, told: str) -> None:
        if {f"{run} | at work" for run in RUNS} <= set(heard.of("notice")):
            heard.when = lambda step, told: None
            os.kill(os.getpid(), number)

    heard = Heard(when=when)
    before = signal.getsignal(number)
    began = time.monotonic()
    assert _side_by_side(place, heard, UNTIL_STOPPED).drive(RUNS) == dict.fromkeys(RUNS, 130)
    assert time.monotonic() - began < 30
    assert {"tiny-seed-0 | stopping", "tiny-seed-1 | stopping"} <= set(heard.of("notice"))
    assert signal.getsignal(number) is before


def test_a_driver_that_is_stopped_before_it_listens(place: Place) -> None:
    drivers = _side_by_side(place, Heard(), "import time; time.sleep(60)")
    threading.Timer(0.5, drivers.stop).start()
    assert drivers.drive(RUNS) == dict.fromkeys(RUNS, 130)


def test_nothing_is_started_after_a_stop(tmp_path: Path, place: Place) -> None:
    drivers = _side_by_side(place, Heard(), f"open({str(tmp_path / 'started')!r}, 'w')")
    drivers.stop()
    assert drivers.drive(RUNS) == dict.fromkeys(RUNS, 130)
    assert not (tmp_path / "started").exists()


def test_a_driver_that_is_killed_can_be_resumed(place: Place) -> None:
    heard = Heard()
    program = "import os, sys\nif sys.argv[-1][-1] == '1': os.kill(os.getpid(), 9)"
    assert _side_by_side(place, heard, program).drive(RUNS) == {"tiny-seed-0": 0, "tiny-seed-1": 10}
    assert {"tiny-seed-1 | error: its driver was ended from outside: Killed",
            "tiny-seed-1 | hint: what is recorded is safe; `clnp resume tiny-seed-1` continues"} <= set(heard.of("notice"))


def test_where_nobody_listens_any_more_all_are_stopped(tmp_path: Path) -> None:
    def when(step: str, told: str) -> None:
        raise BrokenPipeError

    assert _side_by_side(place_in(tmp_path), Heard(when=when), UNTIL_STOPPED).drive(RUNS) == dict.fromkeys(RUNS, 130)


def test_on_another_thread_than_the_main_one(place: Place) -> None:
    found: list[dict[str, int]] = []
    thread = threading.Thread(target=lambda: found.append(_side_by_side(place, Heard(), "").drive(RUNS)))
    thread.start()
    thread.join()
    assert found == [dict.fromkeys(RUNS, 0)]
