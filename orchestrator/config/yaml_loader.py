"""Parse YAML into plain values, with one-line errors.

The dialect differs from YAML 1.1: ``1e-5`` is a float and not text, duplicate keys are errors, and dates, octal and base-60
numbers are text. Which keys exist is not checked here.
"""

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from clnp_core.errors import ConfigError

_MAX_VALUES = 100_000
"""Values in one file, counting aliases and merged sections each time they are used: far above any real config, and cheap to
build."""

_MAX_DEPTH = 50
"""Levels of nesting. Also ends the walk through an alias that contains itself."""


class _DuplicateKeyError(yaml.MarkedYAMLError):
    """A duplicate key in a mapping."""


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the dialect of this module."""

    def __init__(self, text: str | bytes) -> None:
        super().__init__(text)
        self._written = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Stop at a document with too many values before all of it has been read."""
        self._written += 1
        if self._written > 2 * _MAX_VALUES:  # keys are nodes, too
            raise _MonsterError
        return super().compose_node(parent, index)

    def value(self) -> Any:
        """Return the value of the document. Its nodes are checked before anything is built from them, because a merge key
        copies what it merges, and a few lines of nested merges would take minutes."""
        node = self.get_single_node()
        if node is None:
            return None
        _check_nodes(node)
        return self.construct_document(node)


def _float(loader: _Loader, node: yaml.ScalarNode) -> float:
    """Build a float, and refuse one that overflows: a message about it would show .inf in place of what was written."""
    value: float = loader.construct_yaml_float(node)
    if math.isinf(value) and "inf" not in node.value.lower():
        raise ValueError(f"the number {node.value} is too large")
    return value


_YAML = "tag:yaml.org,2002:"
_NUMBER_STARTS = list("-+.0123456789")
_KEPT_RESOLVERS = (f"{_YAML}null", f"{_YAML}bool", f"{_YAML}merge")
_KEPT_CONSTRUCTORS = tuple(f"{_YAML}{kind}" for kind in ("null", "bool", "int", "float", "str", "seq", "map"))

_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag in _KEPT_RESOLVERS]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.yaml_constructors = {
    tag: construct for tag, construct in yaml.SafeLoader.yaml_constructors.items()
    if tag is None or tag in _KEPT_CONSTRUCTORS
}
_Loader.add_constructor(f"{_YAML}float", _float)
_Loader.add_implicit_resolver(
    f"{_YAML}int", re.compile(r"[-+]?(?:0|[1-9][0-9_]*|0x[0-9a-fA-F]+)$"), _NUMBER_STARTS)
_Loader.add_implicit_resolver(
    f"{_YAML}float",
    re.compile(r"""[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?
                        |[0-9][0-9_]*[eE][-+]?[0-9]+
                        |\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?
                        |\.(?:inf|Inf|INF))$
                   |\.(?:nan|NaN|NAN)$""", re.VERBOSE),
    _NUMBER_STARTS)


def parse(text: str | bytes, source: str) -> Any:
    """Return the value of a YAML document; None for an empty one.

    Args:
        text: the document. Bytes are decoded as UTF-8, or as UTF-16 with a byte-order mark.
        source: name for error messages.

    Raises:
        ConfigError: it is not YAML, has a duplicate key, an unknown tag, or is absurdly large or deep.
    """
    try:
        value = _value(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{source}, line {mark.line + 1}, column {mark.column + 1}" if mark else source
        what = error.problem or error.context or "cannot be read"
        hint = ("keep one of the two" if isinstance(error, _DuplicateKeyError)
                else "check the indentation, colons and brackets there; tabs are not allowed")
        raise ConfigError(f"{where}: {what}", hint) from None
    except yaml.YAMLError as error:
        what = str(error).splitlines()[0]
        raise ConfigError(f"{source} is not a text file: {what}", "save it as UTF-8 text") from None
    except (ValueError, LookupError, ArithmeticError) as error:
        raise ConfigError(f"{source} contains a value that cannot be read: {error}",
                          "remove the tag (!!...) or the oversized number") from None
    except RecursionError:
        raise _too_large(source) from None
    except _MonsterError:
        raise _too_large(source) from None
    return value


def _value(text: str | bytes) -> Any:
    loader = _Loader(text)
    try:
        return loader.value()
    finally:
        loader.dispose()


class _MonsterError(Exception):
    """The document is too large or too deeply nested."""


def _too_large(source: str) -> ConfigError:
    return ConfigError(f"{source} is nested too deeply, contains itself, or has too many values",
                       f"a config has at most {_MAX_VALUES:,} values, nested at most {_MAX_DEPTH} deep")


def _check_nodes(root: yaml.Node) -> None:
    """Refuse a document that is too large or too deep with its aliases and merges expanded, and duplicate keys."""
    waiting = [(root, 1)]
    seen, looked_at = 0, set()
    while waiting:
        node, depth = waiting.pop()
        seen += 1
        if depth > _MAX_DEPTH or seen > _MAX_VALUES:
            raise _MonsterError
        if isinstance(node, yaml.MappingNode):
            if id(node) not in looked_at:
                looked_at.add(id(node))
                _refuse_duplicates(node)
            waiting += [(child, depth + 1) for pair in node.value for child in pair
                        if child is pair[1] or not isinstance(child, yaml.ScalarNode)]
        elif isinstance(node, yaml.SequenceNode):
            waiting += [(child, depth + 1) for child in node.value]


def _refuse_duplicates(node: yaml.MappingNode) -> None:
    lines: dict[tuple[str, str], int] = {}
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode):
            name, line = (key.tag, key.value), key.start_mark.line + 1
            if name in lines:
                raise _DuplicateKeyError(problem=f"the key {key.value!r} occurs twice, first on line {lines[name]}",
                                         problem_mark=key.start_mark)
            lines[name] = line


def read_mapping(path: Path) -> dict[Any, Any]:
    """Return the mapping in a YAML file.

    Raises:
        ConfigError: no such file, a folder, unreadable, empty, not YAML, or not a mapping.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"there is no config file {path}", _neighbours(path)) from None
    except IsADirectoryError:
        raise ConfigError(f"{path} is a folder, not a config file", _neighbours(path / "config.yaml")) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigError(f"cannot read the config file {str(path)!r}: {reason}",
                          "check its name and permissions") from None
    value = parse(content, str(path))
    if value is None:
        raise ConfigError(f"{path} is empty", "start from a copy of experiments/permuted-digits.yaml")
    if not isinstance(value, dict):
        kind = "a list" if isinstance(value, list) else "a single value"
        raise ConfigError(f"{path} contains {kind}, not sections of keys",
                          "start from a copy of experiments/permuted-digits.yaml")
    return value


def _neighbours(path: Path) -> str:
    """Return a hint that names the config files near a path that is not one."""
    try:
        names = sorted(p.name for p in path.parent.iterdir() if p.suffix in (".yaml", ".yml"))
    except OSError:
        names = []
    if not names:
        return "the experiments folder has configs to start from"
    near = difflib.get_close_matches(path.name, names, n=1)
    if near:
        return f"did you mean {path.parent / near[0]}?"
    return f"configs in {path.parent}: {', '.join(names[:8])}{', ...' if len(names) > 8 else ''}"


def override(values: Mapping[Any, Any], assignments: Sequence[str]) -> dict[Any, Any]:
    """Return a copy of ``values`` with every ``a.b=value`` applied in order; later ones win.

    The value is YAML, so ``0.1``, ``[1, 2]``, ``null`` and ``{low: 1e-7, high: 1e-3}`` mean the same as in a file.
    Missing sections are created. Whether a key exists is checked by the validation.

    Raises:
        ConfigError: an assignment is malformed, or its path leads through something that is not a section.
    """
    result = dict(values)
    for assignment in assignments:
        keys = assignment_path(assignment)
        value = parse(assignment.partition("=")[2], f"--set {assignment}")
        section = result
        for depth, key in enumerate(keys[:-1], start=1):
            inner = section.get(key)
            if inner is not None and not isinstance(inner, dict):
                raise ConfigError(f"--set {assignment}: {'.'.join(keys[:depth])} is not a section",
                                  f"set it as a whole: --set '{'.'.join(keys[:depth])}=...'")
            section[key] = dict(inner) if inner else {}
            section = section[key]
        section[keys[-1]] = value
    return result


def assignment_path(assignment: str) -> tuple[str, ...]:
    """Return the keys on the left of ``a.b=value``.

    Raises:
        ConfigError: there is no ``=``, or a key is empty.
    """
    path, equals, _ = assignment.partition("=")
    keys = tuple(key.strip() for key in path.split("."))
    if not equals or not all(keys):
        raise ConfigError(f"--set {assignment}: not of the form key=value",
                          "write the key with its section, for example --set selection.margin_points=2")
    return keys
