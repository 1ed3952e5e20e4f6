"""The tree of errors; each says what went wrong, where, and how to fix it.

    ClnpError                      exit code
    ├── ConfigError                 2   the configuration or the command line is wrong
    ├── DataError                   3   a data set is missing, damaged or does not fit the network
    ├── NotFoundError               4   no such run, task or trial
    ├── DatabaseError               5   unreachable, locked, foreign or of another schema
    ├── ArtifactError               6   stored weights are missing or do not match their digest
    ├── ForgettingError             7   a commit would change what an earlier task computes: refused
    ├── BusyError                   8   another driver owns the run
    ├── StateError                  9   a transition that the lifecycle does not allow
    ├── RunFailedError             10   a stage failed; the run can be resumed
    ├── EnvironmentChangedError    11   resumed on another kind of device, torch or code
    └── DepletedError              12   no free neuron is left where the task needs one

Exit code 0 means success, 1 an unexpected error (please report it), 130 that Ctrl-C stopped a run cleanly.
"""

from typing import ClassVar


class ClnpError(Exception):
    """An error with one line about the problem (``message``) and one about the fix (``hint``)."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class ConfigError(ClnpError):
    """The configuration or the command line is wrong; nothing has been started."""

    exit_code = 2


class DataError(ClnpError):
    """A data set is missing, damaged, or does not fit the network."""

    exit_code = 3


class NotFoundError(ClnpError):
    """No such run, task or trial."""

    exit_code = 4


class DatabaseError(ClnpError):
    """The database is unreachable, locked, foreign, or of another schema.

    ``may_pass`` is True if it was unreachable or locked, so that the same call may succeed later.
    """

    exit_code = 5

    def __init__(self, message: str, hint: str = "", may_pass: bool = False) -> None:
        super().__init__(message, hint)
        self.may_pass = may_pass


class ArtifactError(ClnpError):
    """Stored weights are missing, truncated, or do not match their digest."""

    exit_code = 6


class ForgettingError(ClnpError):
    """A commit would change what an earlier task computes. It is refused."""

    exit_code = 7


class BusyError(ClnpError):
    """Another driver owns the run, or this one has lost its lease."""

    exit_code = 8


class StateError(ClnpError):
    """A transition that the lifecycle does not allow."""

    exit_code = 9


class RunFailedError(ClnpError):
    """A stage failed. What is recorded stays, and the run can be resumed."""

    exit_code = 10


class EnvironmentChangedError(ClnpError):
    """The run was started on another kind of device, torch or code, so its numbers would no longer be comparable."""

    exit_code = 11


class DepletedError(ClnpError):
    """No free neuron is left where the task needs one (single-head: in the last hidden layer)."""

    exit_code = 12
