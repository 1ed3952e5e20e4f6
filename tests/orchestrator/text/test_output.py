"""What a program reads as JSON is what was recorded."""

import json
from fractions import Fraction
from typing import Any

import pytest

from clnp_core.evidence import paired_permutation_test
from clnp_core.statistics import summarise
from orchestrator.reproducing.planned import PlannedRow
from orchestrator.text.output import LARGEST_EXACT, json_text, plain

SEED = 8640283839209618424
"""A seed that no double holds."""


@pytest.mark.parametrize(("value", "expected"), [
    ({"seed": SEED}, {"seed": str(SEED)}),
    ({"seed": 0, "seeds": (0, SEED)}, {"seed": "0", "seeds": ["0", str(SEED)]}),
    ({"trial_seed": 1, "benchmark_seed": 2}, {"trial_seed": "1", "benchmark_seed": "2"}),
    ([{"config": {"seed": 7}}], [{"config": {"seed": "7"}}]),
    ({"seed": None, "seeds": None}, {"seed": None, "seeds": None}),
    ({"class_order": "seed", "max": SEED, "min": -SEED}, {"class_order": "seed", "max": str(SEED), "min": str(-SEED)}),
    ({"n": LARGEST_EXACT, "yes": True}, {"n": LARGEST_EXACT, "yes": True}),
])
def test_seeds_and_numbers_that_a_reader_would_round_are_text(value: Any, expected: Any) -> None:
    assert plain(value) == expected
    assert json.loads(json_text(value), parse_int=lambda digits: int(float(digits))) == expected, "as JavaScript and jq read it"


def test_lists_of_seeds_are_text_whatever_they_are_called() -> None:
    values = {1: Fraction(1), SEED: None}
    assert plain(summarise(values))["missing"] == [str(SEED)]
    assert plain(paired_permutation_test({1: 0.5, 2: 0.5, 3: 0.4}, {1: 0.4, 2: 0.3}))["second_missing"] == ["3"]
    row = plain(PlannedRow("row", "clnp", (1,), (), (SEED,), 2, 4))
    assert (row["over"], row["begun"], row["missing"]) == (["1"], [], [str(SEED)])
