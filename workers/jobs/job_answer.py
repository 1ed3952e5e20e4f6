"""The answer of a job: its result, or a foreseen error as a value. No Ray here."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from clnp_core.errors import ClnpError, RunFailedError
from workers import capture, user_modules
from workers.jobs.out_of_memory import gpu_out_of_memory
from workers.training.resume import StoppedError

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Refused:
    """A foreseen error that is returned to the driver, or the end of a job that was requested to stop."""

    error: ClnpError | StoppedError


def answer(job: Callable[..., Result], *arguments: object, kept: capture.Output | None) -> "Result | Refused":
    """Run a job and return its result, or its error if that is foreseen.

    Args:
        job: one of :mod:`workers.jobs`.
        arguments: of the job.
        kept: stores what the job prints; None leaves it where it is.

    Raises:
        Exception: any other error of the job, after its traceback has been printed.
    """
    try:
        return job(*arguments)
    except StoppedError as stopped:
        return Refused(stopped)
    except ClnpError as error:
        if error.__cause__ is not None:
            user_modules.print_traceback(error)
            name_log(error, kept)
        return Refused(error)
    except SystemExit as error:  # not worth another attempt
        traceback.print_exc()
        failure = RunFailedError(f"the job {job.__name__} ended its process: {user_modules.summary(error)}",
                                 "find out what calls sys.exit; then resume the run to try again")
        name_log(failure, kept)
        return Refused(user_modules.with_traceback(failure, error))
    except Exception as error:
        traceback.print_exc()
        memory = gpu_out_of_memory(error)
        if memory is not None:
            return Refused(memory)
        raise


def name_log(error: ClnpError, kept: capture.Output | None) -> None:
    """Add to the hint of an error where its traceback is stored, if it is."""
    shown = None if kept is None else kept.shown
    if shown is not None:
        error.hint = f"{error.hint}; the traceback is in {shown}"
