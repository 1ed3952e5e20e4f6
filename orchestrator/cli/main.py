"""The console entry point of ``clnp``, which turns every error into two lines and an exit code.

    0    done (also: a run that is depleted, or that `clnp stop` ended)
    1    an unexpected error
    2    the command line or the configuration is wrong
    3 …  the errors of clnp_core.errors, each with its own code
    130  Ctrl-C or SIGTERM; a run can be resumed
    141  the reader of the output closed the pipe
"""

import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import click

from orchestrator.jobs.own_packages import check_packages

__checked__ = check_packages()  # before any of them is imported

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
from orchestrator.render.output import note, results, say_json, take_standard_output, without_passwords


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: the command line without the program's name; None for that of the process.

    Returns:
        The exit code. No exception is raised.
    """
    gc.set_threshold(50_000, 20, 20)  # most allocations are imports, which are never freed
    argv = list(sys.argv[1:] if arguments is None else arguments)
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # tables are printed on terminals without Greek letters, too
    if arguments is None:
        take_standard_output()
    try:
        code = _run(argv)
        results().flush()
        if arguments is None:
            sys.stdout = sys.stderr  # output during shutdown is not part of the result
        return code
    except BrokenPipeError:
        _discard_stdout()
        return BROKEN_PIPE
    except OSError as error:  # the output cannot be written: a full disk, most likely
        _discard_stdout()
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
        # Not cli.main(), which handles Ctrl-C and closed pipes differently.
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
    """Return the first argument that is not UTF-8: it contains lone surrogates, which databases and file names cannot hold."""
    return "\0" in word or any("\ud800" <= char <= "\udfff" for char in word)


def _tell(failure: Failure, argv: Sequence[str], tracebacks: Sequence[str] = ()) -> int:
    """Print an error as the command line requests: ``--json`` and ``-v`` may be anywhere before a ``--``. Passwords are
    removed.

    Args:
        failure: the error.
        argv: the command line.
        tracebacks: tracebacks of user code, which ``-v`` shows.
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
    """Replace standard streams that the parent process closed (``>&-``), so that their file descriptors are not reused for
    files opened later, such as a database."""
    if None not in (sys.stdin, sys.stdout, sys.stderr):
        return
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


def _discard_stdout() -> None:
    """Redirect a closed output, which Python flushes at exit."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), results().fileno())
    except (OSError, ValueError):
        return
