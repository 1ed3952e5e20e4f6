"""Lines of several drivers, told apart."""

import io
import json

from orchestrator.groups.runner import JsonGroupProgress, PlainGroupProgress
from tests.orchestrator.laboratory import Heard


def test_plain_lines_name_their_run() -> None:
    heard = Heard()
    telling = PlainGroupProgress(heard)
    telling.line("lab-seed-0", "  1/2  trial 0")
    telling.step("starting Ray")
    telling.notice("group lab")
    assert heard.of("step") == [(None, "starting Ray", None)]
    assert heard.of("notice") == ["lab-seed-0 |   1/2  trial 0", "group lab"]


def test_lines_of_json_stay_as_they_are_and_others_become_notices() -> None:
    stream = io.StringIO()
    telling = JsonGroupProgress(stream)
    line = '{"run": "lab-seed-0", "event": "ended"}'
    telling.line("lab-seed-0", line)
    telling.line("lab-seed-1", "error: no room")
    telling.line("lab-seed-1", "7")
    telling.step("starting Ray")
    telling.notice("group lab")
    lines = stream.getvalue().splitlines()
    assert lines[0] == line
    assert [(told["run"], told["event"], told["text"]) for told in map(json.loads, lines[1:])] == [
        ("lab-seed-1", "notice", "error: no room"), ("lab-seed-1", "notice", "7"), (None, "step", "starting Ray"),
        (None, "notice", "group lab")]
