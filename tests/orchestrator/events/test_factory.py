"""Which way of telling a stream gets."""

import io

import pytest

from clnp_core.errors import ConfigError
from orchestrator.cli.launch_commands import TELLINGS
from orchestrator.events.console import ConsoleProgress
from orchestrator.events.factory import ProgressStyle, progress_of
from orchestrator.events.jsonl import JsonProgress
from orchestrator.events.live import LiveProgress
from tests.messages import tells


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


XTERM = {"TERM": "xterm-256color"}


@pytest.mark.parametrize(("telling", "stream", "environment", "kind"), [
    (ProgressStyle.AUTO, Terminal(), XTERM, LiveProgress),
    (ProgressStyle.AUTO, io.StringIO(), XTERM, ConsoleProgress),
    (ProgressStyle.AUTO, Terminal(), {"TERM": "dumb"}, ConsoleProgress),
    (ProgressStyle.AUTO, Terminal(), {}, ConsoleProgress),
    (ProgressStyle.LIVE, Terminal(), XTERM, LiveProgress),
    (ProgressStyle.PLAIN, Terminal(), XTERM, ConsoleProgress),
    (ProgressStyle.JSON, Terminal(), XTERM, JsonProgress),
])
def test_what_a_stream_gets(telling: ProgressStyle, stream: io.StringIO, environment: dict[str, str], kind: type) -> None:
    assert type(progress_of(telling, stream, environment)) is kind


def test_no_color_is_obeyed() -> None:
    shown = progress_of(ProgressStyle.AUTO, Terminal(), {**XTERM, "NO_COLOR": "1"})
    assert isinstance(shown, LiveProgress) and shown.no_color
    coloured = progress_of(ProgressStyle.AUTO, Terminal(), {**XTERM, "NO_COLOR": ""})
    assert isinstance(coloured, LiveProgress) and not coloured.no_color


def test_a_screen_that_is_asked_for_where_none_can_be_is_an_error() -> None:
    with pytest.raises(ConfigError) as caught:
        progress_of(ProgressStyle.LIVE, io.StringIO(), XTERM)
    assert tells(caught.value, "TERM", "--progress")


def test_the_command_line_offers_all_of_them() -> None:
    assert tuple(telling.value for telling in ProgressStyle) == TELLINGS
