"""What commands share: the settings said before them, options that several have, and groups that help with a typo."""

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
"""The largest task, trial or limit that any database column holds."""

VERBOSE = "orchestrator.cli.verbose"
"""Where click keeps whether ``-v`` was given."""

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class GlobalOptions:
    """What was said before the command: ``url`` is the database, None for ``CLNP_DB_URL`` or the working folder's."""

    url: str | None


class Commands(click.Group):
    """A group whose unknown commands name the nearest known one, and whose commands are listed in their own order."""

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
    """A command that still takes old names of its options, with a warning on standard error. Help does not list them.

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
    """Whether the command that runs was given ``-v``."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(VERBOSE))


def as_json_option(command: AnyFunction) -> AnyFunction:
    """``--json`` and ``-v``, which every command has. While it runs, standard output is its own: what anything else prints
    goes to standard error."""
    @functools.wraps(command)
    def alone(*arguments: object, **options: object) -> Any:
        with results_apart():
            return command(*arguments, **options)

    verbose = click.option("-v", "--verbose", is_flag=True, expose_value=False, callback=_remember_verbose,
                           help="Show the traceback of an error in code of your own at once.")
    as_json = click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output, errors too.")
    return as_json(verbose(cast(AnyFunction, alone)))


def command_line(arguments: Sequence[str], name: str) -> str:
    """What was typed, for a record that others read: without what stood before the command, where an address may have a
    password, without hooks, whose addresses are often secret, and without how progress was shown.

    Args:
        arguments: of the process, without its own name.
        name: of the command.
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
    """``--format`` and ``--output``."""
    formats = click.Choice([each.value for each in Format])
    command = click.option("--output", metavar="FILE", type=click.Path(path_type=Path),
                           help="Write to a file instead of standard output.")(command)
    return click.option("--format", "form", type=formats, default=Format.TABLE.value, show_default=True,
                        callback=lambda _context, _parameter, value: Format(value),
                        help="How to write the rows.")(command)


@contextmanager
def reading(settings: GlobalOptions) -> "Iterator[Reads]":
    """Reads of the database that is meant. It is imported here, so that `clnp -h` need not wait for it."""
    from db.engine import open_database
    from db.reads.reads import Reads

    engine = open_database(settings.url)
    try:
        yield Reads(engine)
    finally:
        engine.dispose()


def check_storage() -> None:
    """Look at ``CLNP_STORAGE`` before a command needs it.

    Raises:
        ConfigError: it names a bucket that cannot be. It is not repeated, since it may hold a password.
    """
    root = os.environ.get("CLNP_STORAGE", "")
    store_type(root).check_root(root, "CLNP_STORAGE")
