"""How trials are divided into packs, and what a pack's key depends on."""

from workers.training.packs.pack_plan import in_packs, pack_key


def test_consecutive_trials_are_together_and_the_last_pack_holds_the_rest() -> None:
    assert in_packs(range(7), 3) == [(0, 1, 2), (3, 4, 5), (6,)]
    assert in_packs(range(2), 3) == [(0, 1)] and in_packs([], 3) == []


def test_the_key_of_a_pack_depends_on_its_trials_and_their_order() -> None:
    assert pack_key(["a"]) == "a" and pack_key(["a", "b"]) not in (pack_key(["b", "a"]), pack_key(["a", "b", "c"]))
