"""Read a configuration in a separate process.

A long-lived program (the service) must not import the modules of custom networks, because it would keep their first version.
A separate process imports them anew, and their side effects end with it.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

from clnp_core.errors import ClnpError, ConfigError
from orchestrator.config.config import Config
from orchestrator.config.yaml_loader import assignment_path, override, parse
from orchestrator.jobs.own_packages import importing_ours, python_module
from orchestrator.runs.location import SECRETS

LONGEST_SECONDS = 120.0


def read_apart(config: Mapping[str, object] | str, name: str | None = None, overrides: Sequence[str] = ()) -> Config:
    """Return a configuration with all defaults filled in and a custom network written out.

    Args:
        config: sections of keys, or the text of a YAML file.
        name: name of the run, instead of the config's.
        overrides: ``a.b=value`` assignments, the value in YAML.

    Raises:
        ConfigError: invalid; one line per problem.
    """
    request = json.dumps({"config": config, "name": name, "overrides": list(overrides)})
    environment = importing_ours({key: value for key, value in os.environ.items() if key not in SECRETS})
    try:
        child = subprocess.run(python_module("orchestrator.jobs.config_subprocess"), input=request, env=environment, text=True,
                               encoding="utf-8", errors="backslashreplace", capture_output=True, timeout=LONGEST_SECONDS)
    except subprocess.TimeoutExpired:
        raise ConfigError(f"reading the config takes longer than {LONGEST_SECONDS:g} s",
                          "building a network of your own must be faster") from None
    try:
        answer = json.loads(child.stdout)
    except ValueError:
        last = (child.stderr.strip().splitlines() or ["no message"])[-1]
        raise ConfigError(f"reading the config ended with exit code {child.returncode}: {last}",
                          "the module of a network of your own may have ended the process") from None
    if "error" in answer:
        raise ConfigError(*answer["error"])
    return Config.from_resolved(answer["resolved"])


def resolved(config: object, name: str | None, overrides: Sequence[str]) -> dict[str, object]:
    """Return what a run of this config records; see :func:`read_apart`."""
    values = parse(config, "the config") if isinstance(config, str) else config
    if not isinstance(values, Mapping):
        raise ConfigError("the config is empty" if values is None else "the config has no sections of keys",
                          "start from a copy of experiments/permuted-digits.yaml")
    changed = override(values, overrides)
    if name is not None:
        changed["name"] = name
    return Config.parse(changed, overridden=[assignment_path(item) for item in overrides]).resolved()


def main() -> None:
    """Entry point of the process: read a request, write one JSON document. Output of user modules goes to standard error."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)
        request = json.load(sys.stdin)
        try:
            answer: dict[str, object] = {"resolved": resolved(request["config"], request["name"], request["overrides"])}
        except ClnpError as error:
            answer = {"error": [error.message, error.hint]}
        json.dump(answer, out)


if __name__ == "__main__":
    main()
