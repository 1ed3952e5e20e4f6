"""User code in a config: import paths with their arguments, and networks that user functions return."""

import math
import re
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

from clnp_core.errors import ConfigError
from clnp_core.networks import Chain
from orchestrator.config.errors import show
from orchestrator.config.layer_sections import written_out
from workers import user_modules

IMPORT_PATH = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", re.ASCII)
"""``module:callable``; both may contain dots."""

_MAX_JSON_INT = 2**63 - 1


def json_value(value: object, where: str, depth: int = 1) -> object:
    """Return a copy of a JSON-compatible value, so that it can be recorded and sent to workers unchanged.

    Raises:
        ValueError: JSON cannot represent it; says what, where and how to fix it.
    """
    if depth > 20:
        raise ValueError(f"{where} is nested too deeply")
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        if abs(value) > _MAX_JSON_INT:
            raise ValueError(f"{where} does not fit into 64 bits")
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{where} must be a finite number, not {value}")
        return value
    if isinstance(value, list | tuple):
        return [json_value(item, f"{where}[{index}]", depth + 1) for index, item in enumerate(value)]
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise ValueError(f"{where} has the key {show(key)}, which is not text\nput it in quotes")
        return {key: json_value(item, f"{where}.{key}", depth + 1) for key, item in value.items()}
    raise ValueError(f"{where} is a {type(value).__name__}, which JSON cannot represent")


_RETURNS = "it must return a torch.nn.Sequential or a clnp_core.networks.Chain"


class Reading(NamedTuple):
    """The values of a config after its custom network was imported and written out, or the error that prevented it."""

    values: dict[Any, Any]
    is_written_out: bool = False
    error: ConfigError | None = None


def with_own_network(values: Mapping[Any, Any]) -> Reading:
    """Return the config with the network of an import path written out as its layers.

    The values are unchanged if there is no network to import, or if other keys of the section are invalid; the validation
    reports those.
    """
    network = values.get("network")
    if not isinstance(network, Mapping):
        return Reading(dict(values))
    name, params = network.get("name"), network.get("params", {})
    written = any(network.get(key) is not None for key in ("hidden", "layers", "output"))
    if written or not isinstance(name, str) or not IMPORT_PATH.fullmatch(name) or not _are_arguments(params):
        return Reading(dict(values))
    try:
        own = _written_out(name, params)
    except ConfigError as error:
        return Reading(dict(values), error=error)
    return Reading({**values, "network": {**network, **own}}, is_written_out=True)


def _are_arguments(params: object) -> bool:
    try:
        return isinstance(params, dict) and isinstance(json_value(params, ""), dict)
    except ValueError:
        return False


def _written_out(name: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the network that ``module:callable`` makes, as values of the configuration.

    Raises:
        ConfigError: it cannot be imported, fails, or returns something that is not a chain.
    """
    made = _made(name, params)
    if isinstance(made, Chain):
        chain = made
    elif "torch" not in sys.modules:  # without torch there is no module, and torch is slow to import
        raise ConfigError(f"{name} returned a {type(made).__name__}", _RETURNS)
    else:
        chain = _read(name, made)
    try:
        return written_out(chain)
    except (AttributeError, TypeError) as error:
        raise ConfigError(f"{name} returned a Chain that cannot be written out: {error}",
                          "its layers are clnp_core.architecture.Layer, its output a Window or None") from None


def _made(name: str, params: Mapping[str, Any]) -> Any:
    module = name.partition(":")[0]
    try:
        factory = user_modules.load(name)
    except KeyboardInterrupt:
        raise
    except (ImportError, AttributeError) as error:
        taken = user_modules.name_taken(name, error)
        raise user_modules.with_traceback(
            ConfigError(f"{name} cannot be imported: {_line(error)}",
                        taken or "start clnp in the folder that holds the module, or install it"), error) from None
    except BaseException as error:  # a module may also end the process
        raise user_modules.with_traceback(
            ConfigError(f"{name} cannot be imported: {user_modules.summary(error)}",
                        f"fix {module} until python -c 'import {module}' passes"), error) from None
    if not callable(factory):
        raise ConfigError(f"{name} is a {type(factory).__name__}, which cannot be called", _RETURNS)
    try:
        return factory(**params)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise user_modules.with_traceback(
            ConfigError(f"{name} failed: {user_modules.summary(error)}",
                        user_modules.name_taken(name, error) or "call it with network.params in Python, and fix the error"),
            error) from None


def _read(name: str, made: object) -> Chain:
    from torch import nn

    from clnp_core.from_torch import read_chain

    if not isinstance(made, nn.Module):
        raise ConfigError(f"{name} returned a {type(made).__name__}", _RETURNS)
    try:
        return read_chain(made)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error.message}", error.hint) from None


def _line(error: Exception) -> str:
    """Return the first line of an exception's message."""
    return next(iter(str(error).splitlines()), "no reason given")
