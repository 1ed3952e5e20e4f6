"""The console entry of ``clnp``: every way in which a command can end, as an exit code and two lines.

    0    done (also: a run that is depleted, or that `clnp stop` ended)
    1    an error that nobody foresaw
    2    the command line or the configuration is wrong
    3 …  the errors of clnp_core.errors, each with its own code
    130  Ctrl-C or SIGTERM; a run can be resumed
    141  whoever read the output closed the pipe
"""

import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import click

from orchestrator.jobs.own_packages import check_packages

__checked__ = check_packages()  # before the first of them is imported

from clnp_core.errors import ClnpError
from orchestrator.cli.errors import (
    BROKEN_PIPE,
    INTERNAL,
    INTERRUPTED,
    USAGE,
    Failure,
    of_anything,
    of_click,
    of_clnp,
    of_os,
    of_working_folder,
)
from orchestrator.render.output import note, results, say_json, take_standard_output
from orchestrator.render.secrets import without_passwords


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: of the command line, without the program's name; None takes the process's own.

    Returns:
        The exit code. Nothing is raised.
    """
    gc.set_threshold(50_000, 20, 20)  # most of a command is imports, and what is imported stays
    argv = list(sys.argv[1:] if arguments is None else arguments)
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal without Greek still gets its table
    if arguments is None:
        take_standard_output()
    try:
        code = _run(argv)
        results().flush()
        if arguments is None:
            sys.stdout = sys.stderr  # what is printed while the process ends belongs to no result
        return code
    except BrokenPipeError:
        _let_go_of_stdout()
        return BROKEN_PIPE
    except OSError as error:  # the output cannot be written: a full disk, most likely
        _let_go_of_stdout()
        with suppress(OSError):
            _tell(of_os(error), ())
        return INTERNAL


def _run(argv: list[str]) -> int:
    command = "clnp"
    try:
        unreadable = next((word for word in argv if _unreadable(word)), None)
        if unreadable is not None:
            return _tell(Failure(f"the argument {unreadable!a} is not text", "write it in UTF-8", USAGE), argv)
        gone = None if {*argv} & {"-h", "--help", "--version"} else of_working_folder()
        if gone is not None:
            return _tell(gone, argv)
        from orchestrator.cli.commands import MODULES, cli

        command = " ".join(["clnp", *(word for word in argv if word in MODULES)][:2])
        # Not cli.main(): it has ends of its own for Ctrl-C and for closed pipes.
        with cli.make_context("clnp", list(argv) or ["--help"]) as context:
            code = cli.invoke(context)
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except (KeyboardInterrupt, click.Abort):
        return _tell(Failure("interrupted", "what is recorded is safe; `clnp status` shows what can be resumed", INTERRUPTED),
                     argv)
    except ClnpError as error:
        return _tell(of_clnp(error), argv, getattr(error, "__notes__", ()))
    except click.ClickException as error:
        return _tell(of_click(error, command), argv)
    except BrokenPipeError:
        raise
    except OSError as error:
        return _tell(of_os(error), argv)
    except Exception as error:
        return _tell(of_anything(error, argv), argv)


def _unreadable(word: str) -> bool:
    """Bytes that are no UTF-8 arrive as lone surrogates, which no database and no file name of ours can hold."""
    return "\0" in word or any("\ud800" <= char <= "\udfff" for char in word)


def _tell(failure: Failure, argv: Sequence[str], tracebacks: Sequence[str] = ()) -> int:
    """The error, as the command line asked for it: ``--json`` and ``-v`` may stand anywhere before a ``--``. A password is
    never told.

    Args:
        failure: the error.
        argv: the command line.
        tracebacks: of a user's own code, which ``-v`` shows.
    """
    words = argv[:argv.index("--")] if "--" in argv else argv
    if tracebacks and not {"-v", "--verbose"} & {*words}:
        shown = "it" if "the traceback" in failure.hint else "the traceback"
        failure = replace(failure, hint=f"{failure.hint}; -v shows {shown}")
    failure = replace(failure, message=without_passwords(failure.message, argv), hint=without_passwords(failure.hint, argv))
    if {"-v", "--verbose"} & {*words}:
        for text in tracebacks:
            note(without_passwords(text, argv))
    if "--json" in words:
        say_json({"error": failure})
    else:
        note(f"error: {failure.message}")
        if failure.hint:
            note(f"hint: {failure.hint}")
    return failure.exit_code


def _open_what_is_closed() -> None:
    """Whoever started us may have closed a stream (``>&-``). What goes there is lost; but its number must not go to a file
    that is opened later, or prints would end up in a database."""
    if None not in (sys.stdin, sys.stdout, sys.stderr):
        return
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


def _let_go_of_stdout() -> None:
    """Nobody reads it any more: what Python flushes at its end must go somewhere."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), results().fileno())
    except (OSError, ValueError):
        return
