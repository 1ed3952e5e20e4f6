"""The steps of a run as lines of JSON, and the page that documents them."""

import io
import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from db.states import RunState
from orchestrator.config.sweep_section import GridPoint
from orchestrator.events.events import Progress
from orchestrator.events.jsonl import JsonProgress

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "cli.md").read_text(encoding="utf-8")
COMMON = {"at", "run", "task", "trial", "event"}


def whole_run(progress: Progress) -> None:
    """Every step that there is."""
    progress.run_started("demo", [2], 2, [1], 4)
    progress.stage_started(1, 2, 1)
    progress.trial_started(0, GridPoint((1e-4, 1e-5), 0.01))
    progress.trial_epoch(0, 3, 8, 0.5)
    progress.trial_finished(0, 0.9, 4.0)
    progress.trial_failed(1, "nan\nmore")
    progress.selecting([0], 0.9)
    progress.committed(1, 0, 0.89, [10.4, 52.0], "ab")
    progress.step("demo", "loading task 1", 1)
    progress.notice("  something")
    progress.stopping("Ctrl-C")
    progress.stopped("Ctrl-C")
    progress.close()
    progress.failed("demo", RunState.FAILED, "why")
    progress.ended("demo", RunState.COMPLETED, "")


def told() -> list[dict[str, Any]]:
    stream = io.StringIO()
    whole_run(JsonProgress(stream, lambda: datetime(2026, 11, 26, 8, 0, 0, 123456, tzinfo=UTC)))
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_every_line_says_when_where_and_what() -> None:
    lines = told()
    assert {line["at"] for line in lines} == {"2026-11-26T08:00:00.123+00:00"} and {line["run"] for line in lines} == {"demo"}
    assert [line["task"] for line in lines] == [None, *[1] * (len(lines) - 1)]
    assert lines[2] == {"at": lines[0]["at"], "run": "demo", "task": 1, "trial": 0, "event": "trial started",
                        "role": "candidate", "alpha": [1e-4, 1e-5], "learning_rate": 0.01}
    assert lines[3]["val_accuracy"] == 0.5 and lines[5]["reason"] == "nan\nmore"
    assert lines[7]["trial"] == 0 and lines[7]["commit_digest"] == "ab"
    assert (lines[8]["event"], lines[8]["text"]) == ("step", "loading task 1")
    assert [line["event"] for line in lines[-4:]] == ["notice", "stopping", "failed", "ended"]


def test_the_page_documents_every_event_with_every_field() -> None:
    rows = dict(re.findall(r"^\| `([a-z ]+)` \| (.+?) \|$", PAGE, re.MULTILINE))
    for line in told():
        documented = set(re.findall(r"`([a-z_]+)`", rows[line["event"]]))
        assert documented == line.keys() - COMMON, line["event"]


def test_a_line_is_written_at_once_and_whole() -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream, os.fdopen(reader) as lines:
        JsonProgress(stream, run="demo").notice("früh")
        assert json.loads(lines.readline())["text"] == "früh"
