"""Commands that read: they work where nothing can be written, and write nothing where they could."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.db.read_only import files_in, run_read_only
from tests.orchestrator.cli.conftest import Outcome, Recorded

COMMANDS = [
    "ls", "ls --json", "status", "status tiny", "show tiny", "show tiny --task 1", "show tiny --task 1 --trial 0",
    "trials tiny --format csv", "logs tiny", "logs tiny --task 1 --trial 0", "what-if tiny --margin 1", "compare tiny",
    "report tiny --format csv --output OUT/report", "verify tiny", "export tiny --task 1 --output OUT/exported", "gc --dry-run"]


@pytest.fixture(scope="module")
def finished(recorded: Recorded, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the recorded run, as its driver has left it."""
    return Path(shutil.copytree(recorded.folder, tmp_path_factory.mktemp("finished") / "copy"))


def words(command: str, out: Path) -> list[str]:
    return [*command.replace("OUT", str(out)).split(), *(["SELECT run FROM clnp_v_runs"] if command == "sql" else [])]


@pytest.mark.parametrize("command", [*COMMANDS, "sql"])
def test_in_a_read_only_folder(finished: Path, tmp_path: Path, command: str) -> None:
    ended = run_read_only(finished, ["-m", "orchestrator.cli", *words(command, tmp_path)])
    assert (ended.returncode, "error" in ended.stderr) == (0, False), ended.stderr
    assert ended.stdout


@pytest.mark.parametrize("command", [*COMMANDS, "sql"])
def test_nothing_is_written(finished: Path, tmp_path: Path, command: str, clnp: Callable[..., Outcome]) -> None:
    before = files_in(finished)
    assert clnp(*words(command, tmp_path), folder=finished).code == 0
    assert files_in(finished) == before


@pytest.mark.parametrize(("command", "code"), [("report tiny", 2), ("export tiny --task 1", 2), ("rm tiny --yes", 5)])
def test_what_would_write_says_so(finished: Path, command: str, code: int) -> None:
    ended = run_read_only(finished, ["-m", "orchestrator.cli", *command.split()])
    message, hint = ended.stderr.splitlines()[-2:]
    assert message.startswith("error: ") and hint.startswith("hint: ")
    assert (ended.returncode, ended.stdout) == (code, "")
