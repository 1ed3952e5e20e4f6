"""docs/cli.md documents every command, option, exit code and variable there is, and none that is not."""

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from clnp_core import errors
from clnp_core.errors import ClnpError
from orchestrator.cli.commands import cli
from orchestrator.config.yaml_loader import read_mapping
from tests.orchestrator.cli.conftest import FIRST_STEP, ROOT, TINY, Outcome

PAGE = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
SECTIONS = {match[1]: match[2] for match in re.finditer(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)}


def _commands(group: click.Group, path: str = "clnp") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from _commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


COMMANDS = dict(_commands(cli))


def _options(command: click.Command) -> set[str]:
    return {name for parameter in command.params if isinstance(parameter, click.Option) for name in parameter.opts}


def test_every_command_has_a_section_and_every_section_a_command() -> None:
    assert [name for name in SECTIONS if name.startswith("clnp ")] == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_documented_and_none_that_is_not_there(name: str) -> None:
    documented = re.findall(r"^\| `(--[a-z-]+)[ `]", SECTIONS[name], re.MULTILINE)
    assert set(documented) == _options(COMMANDS[name]) - {"--json", "--verbose", "-v"}
    assert len(documented) == len(set(documented))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_section_shows_how_the_command_is_typed(name: str) -> None:
    arguments = [parameter for parameter in COMMANDS[name].params if isinstance(parameter, click.Argument)]
    usage = next(line for line in SECTIONS[name].splitlines() if line.startswith("`clnp"))
    assert usage.startswith(f"`{name}")
    for argument in arguments:
        assert str(argument.metavar) in usage


def test_what_stands_before_the_command_is_documented() -> None:
    documented = re.findall(r"^\| `(--[a-z-]+)[ `]", SECTIONS["Before the command"], re.MULTILINE)
    assert set(documented) == {*_options(cli), "--json", "--verbose", "--help"}


def test_every_exit_code_is_documented_with_its_meaning() -> None:
    table = dict(re.findall(r"^\| (\d+) \| (.+?) \|$", SECTIONS["Exit codes"], re.MULTILINE))
    kinds = [kind for kind in vars(errors).values()
             if isinstance(kind, type) and issubclass(kind, ClnpError) and kind not in (ClnpError, errors.DepletedError)]
    assert set(map(int, table)) == {0, 1, 130, 141, *(kind.exit_code for kind in kinds)}
    for kind in kinds:
        assert f"`{kind.__name__}`" in table[str(kind.exit_code)]


def test_every_variable_that_the_code_reads_is_documented() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for folder in ("workers", "db", "orchestrator")
                      for path in (ROOT / folder).rglob("*.py"))
    read = set(re.findall(r'"(CLNP_[A-Z_]+|RAY_ADDRESS)"', sources))
    assert read <= set(re.findall(r"^\| `([A-Z_]+)` \|", SECTIONS["Environment"], re.MULTILINE))


def _transcripts() -> list[tuple[str, str]]:
    """Commands whose output is the same everywhere: dry runs and errors, as the page shows them."""
    shown = re.findall(r"^```console\n\$ (clnp .+?)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return [(command, output) for command, output in shown
            if "--dry-run" in command or FIRST_STEP.sub("", output).startswith("error: ")]


def test_the_page_shows_dry_runs_and_errors() -> None:
    assert len(_transcripts()) >= 4


@pytest.mark.parametrize(("command", "output"), _transcripts())
def test_the_page_shows_what_is_really_printed(command: str, output: str, on_tiny: Callable[..., Outcome]) -> None:
    outcome = on_tiny(*shlex.split(command)[1:])
    assert outcome.out + outcome.err == output


def test_the_config_on_the_page_is_the_one_of_its_transcripts(tmp_path: Path) -> None:
    shown = re.search(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert shown is not None
    (tmp_path / "tiny.yaml").write_text(shown[1])
    assert read_mapping(tmp_path / "tiny.yaml") == TINY
