"""Shared parts of commands: global settings, common options, and groups that suggest corrections."""

import functools
import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from orchestrator.cli.errors import UsageProblem, nearest
from orchestrator.render.output import note, results_apart
from orchestrator.render.serialize import Format
from workers.storage.schemes import store_type

if TYPE_CHECKING:
    from db.reads.reads import Reads

MAX_COUNT = 2**31 - 1
"""The largest task, trial or limit that a database column can hold."""

VERBOSE = "orchestrator.cli.verbose"
"""Key in click's context for whether ``-v`` was given."""

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class GlobalOptions:
    """Options before the command: ``url`` is the database, None for ``CLNP_DB_URL`` or that of the working folder."""

    url: str | None


class Commands(click.Group):
    """A group that suggests the nearest command for an unknown one, and lists its commands in definition order."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0] if args else ""
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            known = self.list_commands(ctx)
            near = nearest(name, known)
            raise UsageProblem(f"there is no command `{ctx.command_path} {name}`",
                               f"did you mean `{ctx.command_path} {near}`?" if near else
                               f"the commands are {', '.join(known)}")
        return super().resolve_command(ctx, args)


class RenamedOptions(click.Command):
    """A command that still accepts old names of options, with a warning on standard error. Help does not list them.

    Args:
        renamed: new names by old ones.
    """

    def __init__(self, *arguments: Any, renamed: Mapping[str, str], **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.renamed = renamed

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        current: list[str] = []
        for word in args[:end]:
            old, equals, value = word.partition("=")
            new = self.renamed.get(old, old)
            if new != old:
                note(f"warning: {old} is now called {new}; the old name will be removed")
            current.append(f"{new}{equals}{value}")
        return super().parse_args(ctx, current + args[end:])


def _remember_verbose(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    context.meta[VERBOSE] = wanted


def is_verbose() -> bool:
    """Whether the current command was given ``-v``."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(VERBOSE))


def as_json_option(command: AnyFunction) -> AnyFunction:
    """Add ``--json`` and ``-v``, which every command has. While the command runs, other output goes to standard error."""
    @functools.wraps(command)
    def alone(*arguments: object, **options: object) -> Any:
        with results_apart():
            return command(*arguments, **options)

    verbose = click.option("-v", "--verbose", is_flag=True, expose_value=False, callback=_remember_verbose,
                           help="Show the traceback of an error in your own code at once.")
    as_json = click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output, errors too.")
    return as_json(verbose(cast(AnyFunction, alone)))


def command_line(arguments: Sequence[str], name: str) -> str:
    """Return the command line for the records: without the options before the command, whose URL may contain a password,
    without hooks, whose URLs are often secret, and without ``--progress``.

    Args:
        arguments: arguments of the process, without its name.
        name: name of the command.
    """
    said = list(arguments[arguments.index(name):]) if name in arguments else [name]
    kept: list[str] = []
    while said:
        word = said.pop(0)
        if word in ("--hook", "--progress"):
            said = said[1:]
        elif not word.startswith(("--hook=", "--progress=")):
            kept.append(word)
    return shlex.join(["clnp", *kept])


def task_option(text: str) -> Callable[[AnyFunction], AnyFunction]:
    """``--task K``."""
    return click.option("--task", metavar="K", type=click.IntRange(1, MAX_COUNT), help=text)


def format_options(command: AnyFunction) -> AnyFunction:
    """Add ``--format`` and ``--output``."""
    formats = click.Choice([each.value for each in Format])
    command = click.option("--output", metavar="FILE", type=click.Path(path_type=Path),
                           help="Write to a file instead of standard output.")(command)
    return click.option("--format", "form", type=formats, default=Format.TABLE.value, show_default=True,
                        callback=lambda _context, _parameter, value: Format(value),
                        help="How to write the rows.")(command)


@contextmanager
def reading(settings: GlobalOptions) -> "Iterator[Reads]":
    """Return reads of the selected database. Imported here, to keep `clnp -h` fast."""
    from db.engine import open_database
    from db.reads.reads import Reads

    engine = open_database(settings.url)
    try:
        yield Reads(engine)
    finally:
        engine.dispose()


def check_storage() -> None:
    """Validate ``CLNP_STORAGE`` before a command needs it.

    Raises:
        ConfigError: the bucket's URL is invalid. The message does not repeat it, since it may contain a password.
    """
    root = os.environ.get("CLNP_STORAGE", "")
    store_type(root).check_root(root, "CLNP_STORAGE")
