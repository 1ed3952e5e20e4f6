"""Whatever is typed, a command ends with a known exit code and an error of two lines: never a traceback."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clnp_core import errors
from orchestrator.cli.main import main
from tests.orchestrator.cli.conftest import TINY, Recorded

FORESEEN = {kind.exit_code for kind in errors.ClnpError.__subclasses__()}

WORDS = st.sampled_from([
    "launch", "resume", "fork", "stop", "cancel", "gc", "doctor", "mirror", "copy", "status", "ls", "show", "trials", "sql",
    "verify", "rm", "db", "report", "what-if", "export", "logs",
    "--margin", "--curve", "--exact",
    "upgrade", "tiny", "tiny.yaml", "--json", "--task", "--trial", "--format", "csv", "parquet",
    "--limit", "--offset", "--set", "seed=1", "--dry-run", "--name", "--db", "--yes", "--output", "--older-than-hours",
    "--also", "--to", "--follow", "--retry-failed", "--accept-environment", "-h", "--version", "--", "-", "", "0", "1", "-1",
    "99999999999999999999", "SELECT 1", "DROP TABLE x", "sqlite://", "sqlite:///other.db", "postgresql://nobody@127.0.0.1:1/x",
    "=", "a.b.c=[", "../..", "/", "%s", "é"])
ANYTHING = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12) | st.text(max_size=4)


@pytest.fixture(scope="module")
def copied(recorded: Recorded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The working folder of a shell in which anything may be typed: with a config, and a database without the run's data."""
    import yaml

    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    before = Path.cwd()
    os.chdir(folder)
    assert main(["db", "upgrade"]) == 0
    yield folder
    os.chdir(before)


def _would_start(words: list[str]) -> bool:
    """A launch that could really run a config: not what this test is about."""
    return "launch" in words and "--dry-run" not in words and "tiny.yaml" in words


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(WORDS | ANYTHING, max_size=6))
def test_any_command_line(copied: Path, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    if _would_start(words):
        return
    path = list(sys.path)
    capsys.readouterr()
    code = main(words)
    sys.path[:] = path
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err and "unforeseen" not in out + err, (words, err)
    if err.startswith(("reading ", "looking up ")):  # the first step of a command that drives a run
        err = err.partition("\n")[2]
    if code:
        assert code in FORESEEN or (code == 1 and err.count("\n") == 2), (words, code, err)
        assert (err == "" and '"error"' in out) or err.startswith("error: "), (words, out, err)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=200) | st.binary(max_size=50))
def test_any_config(copied: Path, capsys: pytest.CaptureFixture[str], text: str | bytes) -> None:
    (copied / "any.yaml").write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    assert main(["launch", "any.yaml", "--dry-run"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: ") and "unforeseen" not in err
