"""How numbers read in a sentence."""

import pytest

from clnp_core.words import plural


@pytest.mark.parametrize(("count", "text"), [(0, "0 trials"), (1, "1 trial"), (2, "2 trials"), (2000, "2,000 trials")])
def test_one_thing_is_no_plural(count: int, text: str) -> None:
    assert plural(count, "trial") == text
