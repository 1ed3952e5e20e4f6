"""Scans begin when there is a place for them, against the best so far, and are used only where that stays the best."""

import time
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
import ray

from orchestrator.driver.stages.early_scans import ScansAhead
from workers.ray.remote_jobs import Submitted, fetch, submit

pytestmark = pytest.mark.usefixtures("ray_with_logical_gpus")


class Begun:
    """What was begun, on a real Ray, by jobs that need no processor."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds, self.begun = seconds, []

    def __call__(self, digest: str, required: int) -> Submitted:
        self.begun.append((digest, required))
        return submit(_scan, digest, required, self.seconds, cpus=0, gpus=0)


def _scan(digest: str, required: int, seconds: float) -> tuple[str, int]:
    time.sleep(seconds)
    return digest, required


def sweep(scan: Begun, unfinished: int, places: int = 2, correct: Sequence[int] = ()) -> ScansAhead:
    """A sweep of which trials with so many correct samples have ended, their artifacts named a, b, c, …"""
    ahead = ScansAhead(scan, places, unfinished, val_total=1000, margin_points=Decimal("1"))
    for number, (count, digest) in enumerate(zip(correct, "abcd", strict=False)):
        ahead.trained(number, count, digest)
    return ahead


def result(scan: Submitted) -> Any:
    return fetch(scan, lambda: False)


def test_nothing_begins_while_trials_wait_for_every_place() -> None:
    scan = Begun()
    ahead = sweep(scan, unfinished=3)
    ahead.trained(0, 900, "a")
    ahead.ended()
    ahead.begin()
    assert scan.begun == []
    ahead.trained(1, 905, "b")
    ahead.ended()
    ahead.begin()
    assert scan.begun == [("b", 895)], "one place is free, and the best goes first"
    assert {number: result(taken) for number, taken in ahead.take(895).items()} == {1: ("b", 895)}


def test_no_more_begin_than_there_are_places() -> None:
    scan = Begun(seconds=60)
    ahead = sweep(scan, unfinished=1, places=3, correct=[900, 899, 898, 897])
    for _ in range(3):
        ahead.begin()
    assert scan.begun == [("a", 890), ("b", 890)]
    ahead.take(0)


def test_a_scan_that_has_ended_gives_its_place_to_the_next() -> None:
    scan = Begun()
    ahead = sweep(scan, unfinished=1, correct=[900, 899])
    ahead.begin()
    ray.wait([ahead.take(890)[0].reference], timeout=60)
    ahead.begin()
    assert scan.begun == [("a", 890), ("b", 890)]
    assert sorted(ahead.take(890)) == [0, 1]


def test_what_is_outside_the_margin_of_the_best_so_far_is_not_begun() -> None:
    scan = Begun()
    ahead = sweep(scan, unfinished=0, correct=[900, 880])
    ahead.begin()
    assert scan.begun == [("a", 890)]


def test_a_better_trial_makes_the_scans_before_it_void() -> None:
    scan = Begun(seconds=60)
    ahead = sweep(scan, unfinished=1)
    ahead.trained(0, 900, "a")
    ahead.begin()
    old = ahead.take(890)[0]
    ahead.trained(1, 905, "b")
    ahead.ended()
    assert ahead.take(895) == {}
    with pytest.raises((ray.exceptions.TaskCancelledError, ray.exceptions.WorkerCrashedError)):
        ray.get(old.reference)
    ahead.begin()
    assert scan.begun == [("a", 890), ("b", 895), ("a", 895)]
    ahead.take(0)


def test_without_a_result_there_is_nothing_to_begin() -> None:
    scan = Begun()
    ahead = sweep(scan, unfinished=1)
    ahead.ended()
    ahead.begin()
    assert scan.begun == [] and ahead.take(1) == {}
