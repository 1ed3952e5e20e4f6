"""What a program reads as JSON is what was recorded; standard output is for results; nothing foreign commands a terminal."""

import json
import os
import subprocess
import sys
from fractions import Fraction
from typing import Any

import pytest

from clnp_core.analysis.significance import paired_permutation_test
from clnp_core.analysis.statistics import summarise
from orchestrator.render.output import (
    LARGEST_EXACT,
    Lines,
    json_text,
    note,
    plain,
    printable,
    results,
    results_apart,
    say,
    say_json,
)
from orchestrator.reports.reproduce import PlannedRow
from tests.orchestrator.cli.conftest import environment

SEED = 8640283839209618424
"""A seed that no double holds."""

PROGRAM = """
import ctypes, os, subprocess, sys
from orchestrator.render.output import results_apart, say_json, take_standard_output
take_standard_output()
with results_apart():
    print("a print")
    os.write(1, b"a write\\n")
    ctypes.CDLL(None).puts(b"a library")
    subprocess.run(["echo", "a child"])
    say_json({"result": True})
"""


@pytest.mark.parametrize(("value", "expected"), [
    ({"seed": SEED}, {"seed": str(SEED)}),
    ({"seed": 0, "seeds": (0, SEED)}, {"seed": "0", "seeds": ["0", str(SEED)]}),
    ({"trial_seed": 1, "benchmark_seed": 2}, {"trial_seed": "1", "benchmark_seed": "2"}),
    ([{"config": {"seed": 7}}], [{"config": {"seed": "7"}}]),
    ({"seed": None, "seeds": None}, {"seed": None, "seeds": None}),
    ({"class_order": "seed", "max": SEED, "min": -SEED}, {"class_order": "seed", "max": str(SEED), "min": str(-SEED)}),
    ({"n": LARGEST_EXACT, "yes": True}, {"n": LARGEST_EXACT, "yes": True}),
])
def test_seeds_and_numbers_that_a_reader_would_round_are_text(value: Any, expected: Any) -> None:
    assert plain(value) == expected
    assert json.loads(json_text(value), parse_int=lambda digits: int(float(digits))) == expected, "as JavaScript and jq read it"


def test_lists_of_seeds_are_text_whatever_they_are_called() -> None:
    values = {1: Fraction(1), SEED: None}
    assert plain(summarise(values))["missing"] == [str(SEED)]
    assert plain(paired_permutation_test({1: 0.5, 2: 0.5, 3: 0.4}, {1: 0.4, 2: 0.3}))["second_missing"] == ["3"]
    row = plain(PlannedRow("row", "clnp", (1,), (), (SEED,), 2, 4))
    assert (row["over"], row["begun"], row["missing"]) == (["1"], [], [str(SEED)])


def test_whatever_prints_the_results_alone_are_on_standard_output() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM], env=environment(), capture_output=True, text=True, check=True)
    assert json.loads(ended.stdout) == {"result": True}
    assert sorted(ended.stderr.splitlines()) == ["a child", "a library", "a print", "a write"]


def test_prints_go_apart_for_a_while(capsys: pytest.CaptureFixture[str]) -> None:
    with results_apart():
        print("foreign")
        say("ours")
        say_json([1])
    print("after")
    assert capsys.readouterr() == ("ours\n[\n  1\n]\nafter\n", "foreign\n")


def test_prints_are_told_line_by_line_without_colours(capsys: pytest.CaptureFixture[str]) -> None:
    told: list[str] = []
    with results_apart(Lines(told.append)):
        print("\x1b[33m(raylet)\x1b[0m a worker died")
        print("10 %\r20 %\r30 %\r")
        print("one", end="")
        print(" line\n\nno end", end="")
        assert told == ["(raylet) a worker died", "30 %", "one line"]
        with results_apart():
            assert results() is not sys.stdout
    assert told[-1] == "no end" and capsys.readouterr() == ("", "")


def test_a_stream_that_somebody_has_put_there_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    with open(os.devnull, "w") as theirs, results_apart():  # noqa: PTH123 (it has no path of its own)
        monkeypatch.setattr(sys, "stdout", theirs)
    assert sys.stdout is theirs


def test_control_characters_reach_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert printable("α\tβ\n") == "α\tβ\n"
    assert printable("\x1b[2J\x00\x9b\x7f\r\u202e") == r"\x1b[2J\x00\x9b\x7f\x0d\u202e"
    say("\x1b]0;mine\x07")
    note("\x1b[31m")
    assert capsys.readouterr() == ("\\x1b]0;mine\\x07\n", "\\x1b[31m\n")
