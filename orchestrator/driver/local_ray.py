"""Ray on this machine: on the loopback address, with a token, a private folder, and without our secrets."""

import importlib
import logging
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clnp_core.errors import ClnpError, RunFailedError
from orchestrator.driver.ray_failure import LONGEST_BASE, check_machine, of_machine
from orchestrator.driver.scratch import scratch
from orchestrator.runs.location import SECRETS


@contextmanager
def local_ray(**options: Any) -> Iterator[None]:
    """Start Ray for the duration of a block, and connect this process to it.

    It listens on the loopback address only and requires a token that is created for it. Its files are in a folder that other
    users cannot read. The folder is removed at the end; if Ray or a job failed, it stays until the next start, so that its logs
    can be read. Its processes do not inherit :data:`orchestrator.runs.location.SECRETS`.

    Args:
        options: further arguments of ``ray.init``.

    Raises:
        RunFailedError: it does not start; with the reason.
    """
    import ray

    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_AUTH_TOKEN_PATH": None,
             "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
    base = _base()
    check_machine(base, os.environ)
    with scratch(base, _logs_may_tell) as folder, _environment(token), _loopback():
        try:
            _read_token_again()
            try:
                with _environment(dict.fromkeys(SECRETS)):
                    ray.init(address="local", include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR,
                             _temp_dir=str(folder / "r"), **options)
            except Exception as error:  # Ray also raises plain exceptions, for example on a startup timeout
                raise of_machine(error, folder) from error
            yield
        finally:
            ray.shutdown()
    _read_token_again()


def _logs_may_tell(error: BaseException) -> bool:
    return isinstance(error, RunFailedError) or (isinstance(error, Exception) and not isinstance(error, ClnpError))


def _base() -> Path:
    """Return the parent folder of Ray's files; not a long ``TMPDIR``, in which its sockets could not be created."""
    from ray._common.utils import get_default_system_temp_dir

    base = Path(get_default_system_temp_dir())
    if len(os.fsencode(base)) > LONGEST_BASE and "RAY_TMPDIR" not in os.environ:
        return Path("/tmp")
    return base


@contextmanager
def _environment(changes: Mapping[str, str | None]) -> Iterator[None]:
    """Change environment variables of this process for a block; None removes one."""
    before = {name: os.environ.get(name) for name in changes}
    _set(changes)
    try:
        yield
    finally:
        _set(before)


def _set(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextmanager
def _loopback() -> Iterator[None]:
    """Make Ray use 127.0.0.1, as on machines that cannot be part of a cluster. Ray reads the variable for that at import."""
    from ray._private import ray_constants

    before, ray_constants.ENABLE_RAY_CLUSTER = ray_constants.ENABLE_RAY_CLUSTER, False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


def _read_token_again() -> None:
    """Let Ray read the environment again: it caches its settings and the first token."""
    raylet = importlib.import_module("ray._raylet")  # compiled, and its stubs lack both functions
    raylet.Config.initialize("")
    raylet.AuthenticationTokenLoader.instance().reset_cache()
