"""Turn pydantic's validation errors into lines with a fix.

Every line reads ``path: what is wrong; how to fix it``. All problems of a config are in one :class:`ConfigError`.
"""

import difflib
import json
import math
import re
import types
import typing
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from clnp_core.errors import ConfigError

LIST, RANGE, NUMBER = "<list>", "<range>", "<number>"
"""Tags of the union types in the models. pydantic adds them to an error's location; they are not keys."""

_HINT = "docs/configuration.md explains every key, with its unit and default"


@dataclass(frozen=True, slots=True)
class Key:
    """One key that a config may have, such as ``training.epochs``, with its field of the model. Keys of list entries have no
    positions: ``network.layers.kernel``."""

    path: str
    field: FieldInfo
    section: type[BaseModel] | None
    """The model of a section whose keys are listed after it; None for a key with a value."""


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[Key]:
    """Yield every key below ``model``, each section before its content, in the order of the models."""
    for name, field in model.model_fields.items():
        section = next(_models(field.annotation), None)
        yield Key(prefix + name, field, section)
        if section:
            yield from keys(section, f"{prefix}{name}.")


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    """Yield the models in an annotation such as ``Section | None`` or ``tuple[Section, ...]``, at any depth."""
    return (option for option in _types(annotation) if issubclass(option, BaseModel))


def _types(annotation: object) -> Iterator[type]:
    """Yield the plain types in an annotation, at any depth in unions, ``Annotated`` and tuples."""
    origin, options = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType, tuple):
        for option in options:
            yield from _types(option)
    elif origin is typing.Annotated:
        yield from _types(options[0])
    elif isinstance(annotation, type):
        yield annotation


def explain(error: ValidationError, model: type[BaseModel], source: str, overridden: Collection[tuple[str, ...]] = (),
            hint: str = _HINT) -> ConfigError:
    """Return one ConfigError with a line per problem.

    Args:
        error: what pydantic found.
        model: the root model.
        source: name for error messages, such as a file name.
        overridden: paths that came from the command line; their lines say so.
        hint: hint of the error.
    """
    known = {key.path: key for key in keys(model)}
    lines = []
    for problem in error.errors(include_url=False):
        if _follows_from_another(problem):
            continue
        location = _location(problem)
        origin = "--set " if any(location[:len(path)] == path for path in overridden) else ""
        what, fixing = _describe(problem, location, known)
        lines.append(f"  {origin}{_path(location)}: {what}" + (f"; {fixing}" if fixing else ""))
    lines = list(dict.fromkeys(lines))
    count = "one problem" if len(lines) == 1 else f"{len(lines)} problems"
    return ConfigError("\n".join([f"{source} has {count}:", *lines]), hint)


def _follows_from_another(problem: ErrorDetails) -> bool:
    """Whether a problem only follows from another: a default derived from an invalid key, or a list of invalid entries."""
    return problem["type"] == "default_factory_not_called" or (problem["type"] == "too_short" and bool(problem["input"]))


def _is_about_a_key(problem: ErrorDetails) -> bool:
    return problem["type"] == "invalid_key" or (problem["type"] != "extra_forbidden" and problem["loc"][-1:] == ("[key]",))


def _location(problem: ErrorDetails) -> tuple[str | int, ...]:
    """Return where the problem is, as keys and positions; the section if one of its keys is not text."""
    marked = len(problem["loc"]) - (problem["type"] == "extra_forbidden")  # an unknown key may have the name of a mark
    location = (*(part for part in problem["loc"][:marked] if part not in (LIST, RANGE, NUMBER, "[key]")),
                *problem["loc"][marked:])
    return location[:-1] if _is_about_a_key(problem) else location


def _path(location: Sequence[str | int]) -> str:
    """``("sweep", "alpha", 2)`` → ``sweep.alpha[2]``; positions count from 0."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if part.isprintable() and part else ascii(part))
    return text or "the config"


def _describe(problem: ErrorDetails, location: tuple[str | int, ...], known: dict[str, Key]) -> tuple[str, str]:
    """Return what is wrong, and how to fix it."""
    kind, given, context = problem["type"], problem["input"], problem.get("ctx", {})
    expectation = _expectation(location, known)
    if kind == "value_error":
        what, _, hint = str(context["error"]).partition("\n")
        return what, hint or expectation
    if kind == "missing":
        return "is missing", expectation
    if kind == "extra_forbidden":
        refused = _refused(location, known)
        return refused or ("unknown key", _meant(location, known))
    if _is_about_a_key(problem):
        return f"a key must be text, not {show(given)}", "put it in quotes"
    if kind == "enum":
        return _enum(given, location, known)
    must = _RULES.get(kind)
    if must is None:
        return problem["msg"], expectation
    text = must.format(**{name: _limit(limit) for name, limit in context.items() if name in _LIMITS})
    if kind.endswith("_type") and isinstance(given, str) and _reads_as_number(given):
        return f"{text}, not the text {show(given)}", f"remove the quotes, or any zeros before it; {expectation}"
    return f"{text}, not {show(given)}", expectation


_LIMITS = ("gt", "ge", "lt", "le")

_RULES = {
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "must be a whole number within 64 bits",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "dict_type": "must be a section of keys",
    "model_type": "must be a section of keys",
    "model_attributes_type": "must be a section of keys",
    "too_short": "must not be empty",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be at most {le}",
    "above_float32": "must be at most 3.4e38, the largest number of float32",
    "below_float32": "must be 0 or at least 1.2e-38 in size, the smallest number of float32",
    "one_in_float32": "must be below 1 in float32, too",
    "above_low": "must be above low",
    "rising": "must rise from entry to entry",
}
"""Messages for the error types of pydantic and of our validators. The given value is appended."""


def _expectation(location: tuple[str | int, ...], known: dict[str, Key]) -> str:
    """Return the description of the key at a location, or of the nearest key above it: its unit and range."""
    names = _names(location)
    while names:
        key = known.get(".".join(names))
        if key:
            return key.field.description or ""
        names.pop()
    return ""


_NICKNAMES = {"lr": "learning_rate", "l1": "alpha"}
"""Names that other tools use for our keys and that are too short to match by spelling."""


def _meant(location: tuple[str | int, ...], known: dict[str, Key]) -> str:
    """Suggest the key that was probably meant: a similar one in this section, or the same or a similar one in another."""
    *section, name = _names(location)
    name = _NICKNAMES.get(name, name)
    siblings = [_leaf(path) for path in known if path.split(".")[:-1] == section]
    sibling = _near(name, siblings)
    if sibling:
        return f"did you mean {_path((*location[:-1], sibling))}?"
    leaf = _near(name, {_leaf(path) for path in known}, cutoff=0.75)
    if leaf:
        return f"did you mean {' or '.join(path for path in known if _leaf(path) == leaf)}?"
    here = f"the keys of {_path(location[:-1])}" if section else "the keys at the top"
    return f"{here} are {', '.join(siblings)}"


def _refused(location: tuple[str | int, ...], known: dict[str, Key]) -> tuple[str, str] | None:
    """Return the message and fix for a key that its section refuses by name (``refused_keys``)."""
    *section, name = _names(location)
    key = known.get(".".join(section))
    text = getattr(key.section, "refused_keys", {}).get(name) if key else None
    return (text.partition("\n")[0], text.partition("\n")[2]) if text else None


def _names(location: Sequence[str | int]) -> list[str]:
    """Return the keys of a location, without list positions."""
    return [part for part in location if isinstance(part, str)]


def _leaf(path: str) -> str:
    return path.rpartition(".")[2]


def _enum(given: object, location: tuple[str | int, ...], known: dict[str, Key]) -> tuple[str, str]:
    """Return the allowed values, and the nearest one if there is one."""
    key = known.get(".".join(_names(location)))
    options = _options(key.field.annotation) if key else []
    near = _near(given, options)
    return f"must be one of {', '.join(options)}, not {show(given)}", f"did you mean {near}?" if near else ""


def _options(annotation: object) -> list[str]:
    return [str(option) for kind in _types(annotation) if issubclass(kind, StrEnum) for option in kind]


def _reads_as_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def nearest(given: object, options: Iterable[str]) -> str:
    """Return a question that names the nearest option, or all options if none is near."""
    near = _near(given, options)
    return f"did you mean {near}?" if near else f"there are {', '.join(options)}"


def _near(given: object, options: Iterable[str], cutoff: float = 0.6) -> str | None:
    if not isinstance(given, str):
        return None
    return next(iter(difflib.get_close_matches(given.lower(), list(options), n=1, cutoff=cutoff)), None)


def show(value: object) -> str:
    """Return a value as it is written in a config, in at most about 60 characters: 2.0 as ``2.0``, and 1e-05 as ``1e-5``."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a section of keys"
    try:
        text = _written(value)
    except (ValueError, TypeError, RecursionError):
        return "something that cannot be shown"
    return text if len(text) <= 60 else f"{text[:57]}..."


def _written(value: object) -> str:
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_written, value))}]"
    return json.dumps(value, default=str)


def _number(value: float) -> str:
    """Return the shortest YAML text of a number."""
    if not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    return re.sub(r"e([+-])0*", lambda found: "e-" if found[1] == "-" else "e", float.__repr__(value))


def _limit(limit: object) -> str:
    """Return a bound without a decimal point if it is whole: pydantic turns the 1 of a model into 1.0."""
    return show(int(limit) if isinstance(limit, float) and limit.is_integer() and abs(limit) < 1e15 else limit)
