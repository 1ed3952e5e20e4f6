"""A Ray of our own on this machine: on the loopback address, with a token and a folder of its own, and without our secrets."""

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
    """Start Ray for the length of a block, and connect this process to it.

    It listens on the loopback address alone, and answers those only who know a token that is made for it. Its files lie in a
    folder that no other user can read, and that is removed with it, or, so that its logs can be read, by the next one where Ray
    or a job has failed. Its processes do not inherit :data:`orchestrator.runs.location.SECRETS`.

    Args:
        options: more of ``ray.init``.

    Raises:
        RunFailedError: it does not start; the message names the reason.
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
            except Exception as error:  # Ray raises plain ones, too: of a start that takes longer than it waits
                raise of_machine(error, folder) from error
            yield
        finally:
            ray.shutdown()
    _read_token_again()


def _logs_may_tell(error: BaseException) -> bool:
    return isinstance(error, RunFailedError) or (isinstance(error, Exception) and not isinstance(error, ClnpError))


def _base() -> Path:
    """Where Ray would put its files; not a long ``TMPDIR``, below which its sockets could not be made."""
    from ray._common.utils import get_default_system_temp_dir

    base = Path(get_default_system_temp_dir())
    if len(os.fsencode(base)) > LONGEST_BASE and "RAY_TMPDIR" not in os.environ:
        return Path("/tmp")
    return base


@contextmanager
def _environment(changes: Mapping[str, str | None]) -> Iterator[None]:
    """Variables of this process's environment, changed for a block; None takes one out."""
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
    """Ray takes 127.0.0.1 for itself, and never for a node that others must reach, where it takes the machine for one that
    cannot be part of a cluster. It reads the variable for that when it is imported."""
    from ray._private import ray_constants

    before, ray_constants.ENABLE_RAY_CLUSTER = ray_constants.ENABLE_RAY_CLUSTER, False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


def _read_token_again() -> None:
    """Let Ray look at the environment again: it reads its settings once, and keeps the token that it found first."""
    raylet = importlib.import_module("ray._raylet")  # compiled, and its stubs know neither
    raylet.Config.initialize("")
    raylet.AuthenticationTokenLoader.instance().reset_cache()
