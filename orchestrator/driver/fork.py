"""The configuration of a run that goes on from a commit of another one: what may differ from there on, and what not."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from clnp_core.errors import ConfigError
from orchestrator.config.config import Config
from orchestrator.config.yaml_loader import assignment_path, override

FIXED = ("seed", "method", "baseline", "benchmark", "network", "training.normalize", "evaluation",
         "resources.threads_per_trial")
"""What the commits that are taken over say something about: keys, or whole sections."""

FREE = ("benchmark.tasks",)
"""What may differ all the same."""

DERIVED = {"training.optimizer": "training.momentum", "network.head": "network.head_bias",
           "resources.cpus_per_trial": "resources.threads_per_trial"}
"""Key → the key whose default follows from it. The recorded one was filled in for the old value."""


def forked_config(recorded: Mapping[str, Any], run: str, after_task: int, overrides: Sequence[str], name: str) -> Config:
    """The configuration of the new run.

    Args:
        recorded: the resolved configuration of the run that is forked.
        run: its name, for the errors.
        after_task: the last task that is taken over; 0 for none, and then every key may differ.
        overrides: ``a.b=value`` assignments over it. Recorded trials are reused unless one of them says otherwise.
        name: of the new run.

    Raises:
        ConfigError: an assignment is wrong, or would make the tasks that are taken over untrue.
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
        overridden.pop("baseline", None)  # it says how strongly the other method holds the weights
    for key, follows in DERIVED.items():
        if now.get(key) != before.get(key) and follows not in assigned and not (after_task and _is_fixed(follows)):
            section, _, last = follows.partition(".")
            if isinstance(overridden.get(section), dict):
                overridden[section].pop(last, None)
    # A network of the user's own is not imported again, unless an assignment is about the network.
    config = Config.parse(overridden, f"the config of run {run}", paths,
                          recorded=not any(path[0] == "network" for path in paths))
    if after_task:
        if source.method.learns_at_once:
            raise ConfigError(f"run {run!r} learns all its tasks at once, so there is no commit after task {after_task} to go "
                              "on from", f"start over instead: `clnp fork {run} --task 0 --set …`")
        _refuse_other_past(before, _leaves(config.resolved()), run, after_task)
    return config


def _refuse_other_past(before: Mapping[str, Any], after: Mapping[str, Any], run: str, after_task: int) -> None:
    changed = sorted(key for key in before.keys() | after.keys() if _is_fixed(key) and before.get(key) != after.get(key))
    if not changed:
        return
    tasks = "task 1" if after_task == 1 else f"tasks 1 to {after_task}"
    raise ConfigError(
        f"{tasks} of run {run!r} {'was' if after_task == 1 else 'were'} learnt with another {', '.join(changed)}",
        f"leave that as it is, or start over with it: `clnp fork {run} --task 0 --set …`")


def _is_fixed(key: str) -> bool:
    return key not in FREE and any(key == fixed or key.startswith(f"{fixed}.") for fixed in FIXED)


def _leaves(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Every key with its path."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            found.update(_leaves(value, f"{prefix}{key}."))
        else:
            found[f"{prefix}{key}"] = value
    return found
