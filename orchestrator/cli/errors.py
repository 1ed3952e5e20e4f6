"""Errors of the command line: two lines, what is wrong and how to fix it, and an exit code; or JSON."""

import difflib
import os
import tempfile
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import click

from clnp_core.errors import ClnpError
from orchestrator.render.output import note, without_passwords

INTERNAL = 1
USAGE = 2
INTERRUPTED = 130
BROKEN_PIPE = 141
"""Exit code of a program that was ended by a closed pipe (128 + SIGPIPE)."""

DEBUG_VARIABLE = "CLNP_DEBUG"


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as it is printed: ``message`` may have further, indented lines; ``hint`` is one line or empty."""

    message: str
    hint: str
    exit_code: int


class UsageProblem(click.UsageError):
    """A usage error with its own hint."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class Interrupted(click.ClickException):
    """Ctrl-C interrupted a command that had started something."""

    exit_code = INTERRUPTED

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def of_clnp(error: ClnpError) -> Failure:
    """Return the failure of an error of this project, with its exit code."""
    return Failure(error.message, error.hint, error.exit_code)


def of_click(error: click.ClickException, command: str) -> Failure:
    """Return the failure of an error that click found in the command line; ``command`` is its typed name, for errors that
    lack it."""
    context, typed = getattr(error, "ctx", None), command
    command = context.command_path if context else command
    if isinstance(error, UsageProblem | Interrupted):
        return Failure(error.format_message(), error.hint, error.exit_code)
    if isinstance(error, click.NoSuchOption):
        return Failure(f"`{command}` has no option {error.option_name}", _option_hint(error.option_name, context, typed), USAGE)
    if isinstance(error, click.MissingParameter) and error.param is not None:
        return Failure(f"`{command}` needs {_name_of(error.param)}", f"`{command} -h` shows its usage", USAGE)
    message = error.format_message().strip().rstrip(".")
    return Failure(message[:1].lower() + message[1:], f"`{command} -h` shows its usage", USAGE)


def of_os(error: OSError) -> Failure:
    """Return the failure of an error of the operating system."""
    where = f": {error.filename}" if error.filename else ""
    return Failure(f"{error.strerror or ' '.join(str(error).split()) or type(error).__name__}{where}",
                   "check the path, its permissions and the space on the disk", INTERNAL)


def of_working_folder() -> Failure | None:
    """Return the failure of a working folder that has been removed or cannot be read; None if it exists."""
    try:
        Path.cwd()
    except FileNotFoundError:
        name = os.environ.get("PWD", "")
        return Failure(f"the working folder {name + ' ' if name else ''}is gone: it was removed or replaced",
                       "change to an existing folder (`cd` into it again if it was recreated)", USAGE)
    except OSError as error:
        return Failure(f"the working folder cannot be read: {error.strerror}", "change to a folder that you can read", USAGE)
    return None


def of_anything(error: BaseException, arguments: Iterable[str] = ()) -> Failure:
    """Return the failure of an unexpected error: one line, and the file of its traceback, without passwords of the command
    line."""
    what = " ".join(f"{type(error).__name__}: {error}".split())
    text = without_passwords("".join(traceback.format_exception(error)), arguments)
    if os.environ.get(DEBUG_VARIABLE):
        note(text.rstrip("\n"))
        return Failure(f"unexpected {what}", "please report it with the traceback above", INTERNAL)
    try:
        with tempfile.NamedTemporaryFile("w", prefix="clnp-traceback-", suffix=".txt", delete=False,
                                         encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError:
        return Failure(f"unexpected {what}", f"set {DEBUG_VARIABLE}=1 to see the traceback, and please report it", INTERNAL)
    return Failure(f"unexpected {what}", f"please report it with the traceback in {file.name}", INTERNAL)


def nearest(word: str, options: Iterable[str]) -> str | None:
    """Return a hint with the option that was probably meant."""
    return next(iter(difflib.get_close_matches(word.lower(), list(options), n=1, cutoff=0.5)), None)


def _option_hint(given: str, context: click.Context | None, typed: str) -> str:
    if context is None:
        return "`clnp -h` lists the options"
    options = _options_of(context.command, context)
    behind = _command_with(given, context, typed)
    if behind is not None:
        return f"it belongs after the command: `{behind} … {given}`"
    parent = context.parent
    global_options = [name for parameter in parent.command.params for name in parameter.opts] if parent else []
    if parent is not None and given in global_options and given not in options:
        return f"it belongs before the command: `{parent.command_path} {given} … {context.info_name} …`"
    near = nearest(given, options)
    return f"did you mean {near}?" if near else f"`{context.command_path} -h` lists the options"


def _options_of(command: click.Command, context: click.Context) -> list[str]:
    return [name for parameter in command.get_params(context) if isinstance(parameter, click.Option) for name in parameter.opts]


def _command_with(option: str, context: click.Context, typed: str) -> str | None:
    """Return the command that a misplaced option belongs to, if any. Every command has ``--json``, so any command serves as an
    example if none is known."""
    group = context.command
    if not isinstance(group, click.Group):
        return None
    typed = typed.removeprefix(context.command_path).strip()
    names = [typed] if typed else ["ls", *group.list_commands(context)] if option == "--json" else []
    for name in names:
        command = group.get_command(context, name)
        if command is not None and option in _options_of(command, context):
            return f"{context.command_path} {name}"
    return None


def _name_of(parameter: click.Parameter) -> str:
    if isinstance(parameter, click.Argument):
        return parameter.make_metavar(click.Context(click.Command("clnp")))
    return parameter.opts[0]
