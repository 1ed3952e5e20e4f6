"""Several seeds in one config: the runs of a group, and what they are called."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationInfo

from orchestrator.config.numbers import Integer
from orchestrator.runs.run_names import MAX_NAME

SEED_GIVEN = "seed given"
"""Under this name the validation's context says whether the config has the key ``seed``, too."""


DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")


def _of_text(value: Any) -> Any:
    """JSON gives seeds as text, so that a config which was read from JSON can be launched again."""
    return int(value) if isinstance(value, str) and DECIMAL.fullmatch(value) else value


Seed = Annotated[Integer, Field(ge=0, le=2**63 - 1), BeforeValidator(_of_text)]
Seeds = Annotated[tuple[Seed, ...], Field(min_length=1)]


def run_ending(seed: int) -> str:
    """What a run of a group has behind the group's name."""
    return f"-seed-{seed}"


def check_seeds(seeds: Sequence[int], info: ValidationInfo) -> None:
    """Refuse a seed that stands twice, or beside the key ``seed``, or in the name of whose run there is no room for it.

    Raises:
        ValueError: what is wrong, and how to mend it.
    """
    if isinstance(info.context, Mapping) and info.context.get(SEED_GIVEN):
        raise ValueError("stands beside seed\nremove one of the two: seed is of a single run, seeds of a group of runs")
    twice = next((seed for seed in seeds if seeds.count(seed) > 1), None)
    if twice is not None:
        raise ValueError(f"holds {twice} twice\ngive every seed once: each is a run of its own")
    name = info.data.get("name", "")
    longest = max((f"{name}{run_ending(seed)}" for seed in seeds), key=len)
    if len(longest) > MAX_NAME:
        raise ValueError(f"makes names of {len(longest)} characters, and a run's has at most {MAX_NAME}\n"
                         f"choose a name of at most {MAX_NAME - len(longest) + len(name)}")
