"""What commands share."""

from orchestrator.cli.options import command_line


def test_a_recorded_command_line_tells_no_secret() -> None:
    typed = ["--db", "postgresql://me:secret@host/db", "reproduce", "digits", "--hook", "https://chat/secret",
             "--set", "a=[1, 2]", "--hook=secret.sh", "--progress", "plain", "--seeds", "0,1"]
    assert command_line(typed, "reproduce") == "clnp reproduce digits --set 'a=[1, 2]' --seeds 0,1"


def test_what_was_called_from_python_is_its_name() -> None:
    assert command_line(["-q", "tests"], "compare") == "clnp compare"
