"""The configuration of a fork: which keys may differ from the run that it continues, and which may not."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from clnp_core.errors import ConfigError
from orchestrator.config.config import Config
from orchestrator.config.yaml_loader import assignment_path, override

FIXED = ("seed", "method", "baseline", "benchmark", "network", "training.normalize", "evaluation",
         "resources.threads_per_trial")
"""Keys and sections that determine the inherited commits and must not change."""

FREE = ("benchmark.tasks",)
"""Keys below :data:`FIXED` that may change nevertheless."""

DERIVED = {"training.optimizer": "training.momentum", "network.head": "network.head_bias",
           "resources.cpus_per_trial": "resources.threads_per_trial"}
"""Key → the key whose default depends on it. The recorded default was derived from the old value."""


def forked_config(recorded: Mapping[str, Any], run: str, after_task: int, overrides: Sequence[str], name: str) -> Config:
    """Return the configuration of the new run.

    Args:
        recorded: the resolved configuration of the run that is forked.
        run: its name, for error messages.
        after_task: the last inherited task; 0 for none, and then every key may differ.
        overrides: ``a.b=value`` assignments. Recorded trials are reused unless one of them disables it.
        name: name of the new run.

    Raises:
        ConfigError: an assignment is invalid, or contradicts how the inherited tasks were learnt.
    """
    values = copy.deepcopy(dict(recorded))
    values["name"], values["sweep"]["reuse_trials"] = name, True
    source = Config.from_resolved(recorded)
    before = _leaves(source.resolved())  # an older version may have recorded fewer keys
    paths = [assignment_path(item) for item in overrides]
    assigned = {".".join(path) for path in paths}
    overridden = override(values, overrides)
    now = _leaves(overridden)
    if now.get("method") != before.get("method") and not any(path[0] == "baseline" for path in paths):
        overridden.pop("baseline", None)  # settings of the other method
    for key, follows in DERIVED.items():
        if now.get(key) != before.get(key) and follows not in assigned and not (after_task and _is_fixed(follows)):
            section, _, last = follows.partition(".")
            if isinstance(overridden.get(section), dict):
                overridden[section].pop(last, None)
    # A custom network is not imported again, unless an assignment changes the network.
    config = Config.parse(overridden, f"the config of run {run}", paths,
                          recorded=not any(path[0] == "network" for path in paths))
    if after_task:
        if source.method.learns_at_once:
            raise ConfigError(f"run {run!r} learns all its tasks at once, so there is no commit after task {after_task} to "
                              "continue from", f"start over instead: `clnp fork {run} --task 0 --set …`")
        _refuse_other_past(before, _leaves(config.resolved()), run, after_task)
    return config


def _refuse_other_past(before: Mapping[str, Any], after: Mapping[str, Any], run: str, after_task: int) -> None:
    changed = sorted(key for key in before.keys() | after.keys() if _is_fixed(key) and before.get(key) != after.get(key))
    if not changed:
        return
    tasks = "task 1" if after_task == 1 else f"tasks 1 to {after_task}"
    raise ConfigError(
        f"{tasks} of run {run!r} {'was' if after_task == 1 else 'were'} learnt with a different {', '.join(changed)}",
        f"leave it unchanged, or start over with the new value: `clnp fork {run} --task 0 --set …`")


def _is_fixed(key: str) -> bool:
    return key not in FREE and any(key == fixed or key.startswith(f"{fixed}.") for fixed in FIXED)


def _leaves(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the values by their full key."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            found.update(_leaves(value, f"{prefix}{key}."))
        else:
            found[f"{prefix}{key}"] = value
    return found
