"""What commands share."""

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.cli.options import command_line
from tests.orchestrator.cli.conftest import Outcome


def test_a_recorded_command_line_tells_no_secret() -> None:
    typed = ["--db", "postgresql://me:secret@host/db", "reproduce", "digits", "--hook", "https://chat/secret",
             "--set", "a=[1, 2]", "--hook=secret.sh", "--progress", "plain", "--seeds", "0,1"]
    assert command_line(typed, "reproduce") == "clnp reproduce digits --set 'a=[1, 2]' --seeds 0,1"


def test_what_was_called_from_python_is_its_name() -> None:
    assert command_line(["-q", "tests"], "compare") == "clnp compare"


@pytest.mark.parametrize(("command", "old", "new"), [
    (("serve",), "--closed", "--require-token"), (("gc",), "--also", "--other-db"),
    (("compare", "one"), "--level", "--significance-level"), (("reproduce", "two.yaml"), "--at-once", "--max-concurrent-runs"),
    (("reproduce", "two.yaml"), "--only-write", "--no-launch")])
def test_an_old_name_of_an_option_is_taken_with_a_warning(command: tuple[str, ...], old: str, new: str, tmp_path: Path,
                                                          clnp: Callable[..., Outcome]) -> None:
    """Both end with the same error, since the value is wrong or the other option is needed."""
    help_text = clnp(command[0], "-h", folder=tmp_path).out
    assert new in help_text and f"{old} " not in help_text and f"{old}\n" not in help_text
    former, current = (clnp(*command, name, folder=tmp_path) for name in (old, new))
    assert former.err == f"warning: {old} is now called {new}; the old name will be removed\n{current.err}"
    assert (former.code, former.out) == (current.code, current.out)


@pytest.mark.parametrize("written", [("--level", "7"), ("--level=7",)])
def test_the_value_of_an_old_name_is_that_of_the_new_one(written: tuple[str, ...], tmp_path: Path,
                                                         clnp: Callable[..., Outcome]) -> None:
    outcome = clnp("compare", "one", *written, folder=tmp_path)
    assert outcome.code == 2 and "'--significance-level': 7.0 is not in the range" in outcome.err


def test_old_names_after_two_dashes_are_arguments(tmp_path: Path, clnp: Callable[..., Outcome]) -> None:
    assert "warning" not in clnp("compare", "--", "--level", folder=tmp_path).err
