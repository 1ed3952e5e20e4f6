"""What a process prints while it trains: kept from Python and from C, also of one that is killed, and never in the way."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from workers.capture import HEADING, OutputPlace, begin_job, begin_trial, file_of
from workers.storage.schemes import open_files

ROOT = Path(__file__).resolve().parents[2]
PRELUDE = "import ctypes, faulthandler, logging, os, signal, sys, time, warnings\nfrom workers import capture\n" \
          "place = capture.OutputPlace(sys.argv[1], 'demo', 2)\n"


def process(root: Path | str, script: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """A script in a process of its own, with ``place`` below ``root``; its streams are pipes."""
    return subprocess.run([sys.executable, "-c", PRELUDE + script, str(root)], capture_output=True, text=True, check=False,
                          env={**os.environ, "PYTHONPATH": str(ROOT), **environment}, timeout=120)


def kept(root: Path | str, name: str = "abc") -> list[str]:
    """The lines of a trial's file; its headings without time, host and process."""
    text = open_files(root).read(file_of("demo", 2, name)).decode()
    return [re.sub(rf"^{HEADING}\S+Z host=\S+ pid=\d+ ", HEADING, line) for line in text.splitlines()]


HEADED = f"{HEADING}run=demo task=2 trials=3,4 attempt="


def test_everything_that_a_process_says_is_kept_and_its_own_streams_are_given_back(tmp_path: Path) -> None:
    done = process(tmp_path, """
print("before")
kept = capture.begin_trial(place, "abc", [3, 4], 1)
print("from Python, ä")
print("an error", file=sys.stderr)
os.write(1, b"past Python\\n")
ctypes.CDLL(None).puts(b"from C")
warnings.warn("careful")
logging.warning("logged")
os.system("echo a child")
kept.end()
kept.end()
print("after")
print("after on stderr", file=sys.stderr)
""")
    assert (done.returncode, done.stdout, done.stderr) == (0, "before\nafter\n", "after on stderr\n")
    assert kept(tmp_path) == [HEADED + "1", "from Python, ä", "an error", "past Python", "from C",
                              "<string>:11: UserWarning: careful", "WARNING:root:logged", "a child"]


def test_a_killed_process_leaves_what_it_said_and_the_next_attempt_goes_on_behind_it(tmp_path: Path) -> None:
    killed = process(tmp_path, """
capture.begin_trial(place, "abc", [3, 4], 1)
ctypes.CDLL(None).printf(b"a line of C\\n")
print("half a line", end="")
os.kill(os.getpid(), signal.SIGKILL)
""")
    assert killed.returncode == -signal.SIGKILL
    process(tmp_path, "kept = capture.begin_trial(place, 'abc', [3, 4], 2)\nprint('again')\nkept.end()")
    assert kept(tmp_path) == [HEADED + "1", "a line of C", "half a line", HEADED + "2", "again"]


def test_a_hung_process_leaves_where_it_hung(tmp_path: Path) -> None:
    ended = process(tmp_path, """
capture.begin_trial(place, "abc", [3, 4], 1)
faulthandler.dump_traceback_later(0.2, exit=True, file=2)
time.sleep(60)
""")
    assert ended.returncode == 1
    assert [line for line in kept(tmp_path) if line.startswith(("Timeout", '  File "<string>"'))][1] == (
        '  File "<string>", line 7 in <module>')


def test_who_says_nothing_leaves_no_file_and_no_second_heading(tmp_path: Path) -> None:
    process(tmp_path, "capture.begin_trial(place, 'silent', [0], 1).end()\ncapture.begin_trial(place, 'abc', [3, 4], 1)\n"
                      "print('x')")
    process(tmp_path, "capture.begin_trial(place, 'abc', [3, 4], 2).end()")
    assert kept(tmp_path) == [HEADED + "1", "x"]
    assert [path.name for path in (tmp_path / "logs/demo/task-2").iterdir()] == ["abc.log"]


def test_a_full_disk_loses_the_output_and_not_the_trial(tmp_path: Path) -> None:
    """The system lets the process write no file longer than 2,000 bytes, with the error of a disk that is full for it."""
    done = process(tmp_path, """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
kept = capture.begin_trial(place, "abc", [3, 4], 1)
for number in range(1000): print("line", number)
kept.end()
print("alive")
""")
    assert (done.returncode, done.stdout, done.stderr) == (0, "alive\n", "")
    assert (tmp_path / file_of("demo", 2, "abc")).stat().st_size == 2000


def test_where_nothing_can_be_kept_the_streams_stay_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where the folder should be")
    done = process(tmp_path, """
kept = capture.begin_trial(place, "abc", [3, 4], 1)
print("to be seen")
kept.look()
kept.end()
""")
    assert (done.returncode, done.stdout, done.stderr) == (0, "to be seen\n", "")


def test_what_is_too_long_is_cut_between_two_reports(tmp_path: Path) -> None:
    process(tmp_path, """
capture.MAX_BYTES = 500
kept = capture.begin_trial(place, "abc", [3, 4], 1)
kept.look()
for number in range(100): print("line", number)
kept.look()
print("after the cut")
kept.look()
kept.end()
""")
    lines = kept(tmp_path)
    assert lines[-2:] == ["", f"{HEADING}cut: more than 500 bytes were printed"] and "line 99" in lines


def test_a_stream_that_the_trial_put_there_itself_stays(tmp_path: Path) -> None:
    done = process(tmp_path, """
import io
kept = capture.begin_trial(place, "abc", [3, 4], 1)
mine = sys.stdout = io.StringIO()
kept.end()
assert sys.stdout is mine
sys.__stdout__.write("whole")
""")
    assert (done.returncode, done.stdout, done.stderr) == (0, "whole", "")


def test_a_job_has_a_file_of_its_own(tmp_path: Path) -> None:
    process(tmp_path, "kept = capture.begin_job(place, 'scan', '0123456789abcdef' * 3)\nprint('x')\nkept.end()")
    assert kept(tmp_path, "scan-0123456789abcdef") == [f"{HEADING}run=demo task=2 job=scan attempt=1", "x"]


def test_what_belongs_to_no_task_lies_beside_the_tasks() -> None:
    assert file_of("demo", None, "fingerprint-1") == "logs/demo/fingerprint-1.log"
    assert file_of("demo", 3, "abc") == "logs/demo/task-3/abc.log"


def test_in_a_bucket_it_arrives_at_the_end_that_of_a_killed_attempt_with_the_next(
        bucket_server: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in bucket_server.items():
        monkeypatch.setenv(name, value)
    root = f"s3://clnp/{tmp_path.name}"
    process(root, "capture.begin_trial(place, 'abc', [3, 4], 1)\nprint('first')\nos.kill(os.getpid(), signal.SIGKILL)",
            TMPDIR=str(tmp_path))
    assert open_files(root).size(file_of("demo", 2, "abc")) is None
    process(root, "kept = capture.begin_trial(place, 'abc', [3, 4], 2)\nprint('second')\nkept.end()", TMPDIR=str(tmp_path))
    assert kept(root) == [HEADED + "1", "first", HEADED + "2", "second"]
    process(root, "capture.MAX_BYTES = 200\nkept = capture.begin_trial(place, 'abc', [3, 4], 3)\nprint('x' * 300)\nkept.end()",
            TMPDIR=str(tmp_path))
    lines = kept(root)
    assert f"{HEADING}cut: more than 200 bytes were printed" in lines and lines[0] == HEADED + "1"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [], "nothing is left on the machine"


def test_in_this_process_too(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    trial = begin_trial(OutputPlace(str(tmp_path), "demo", 2), "abc", [3, 4], 1)
    print("kept")
    trial.end()
    print("not kept")
    job = begin_job(OutputPlace(str(tmp_path), "demo", None), "scan", "0" * 48)
    job.end()
    assert capfd.readouterr().out == "not kept\n"
    assert kept(tmp_path) == [HEADED + "1", "kept"]
