"""Passing the steps of a run on."""

import inspect

import pytest

from orchestrator.events.events import Progress, Relay

STEPS = [name for name, value in vars(Progress).items() if inspect.isfunction(value)]


@pytest.mark.parametrize("step", STEPS)
def test_a_relay_passes_on_every_step_with_all_that_belongs_to_it(step: str) -> None:
    heard = []

    class Ear(Progress):
        pass

    setattr(Ear, step, lambda self, *arguments: heard.append(arguments))
    arguments = tuple(object() for _ in list(inspect.signature(getattr(Progress, step)).parameters)[1:])
    getattr(Relay(Ear()), step)(*arguments)
    assert heard == [arguments]
    assert getattr(Progress(), step)(*arguments) is None


def test_there_are_steps() -> None:
    assert {"run_started", "committed", "stopping", "failed", "ended"} <= set(STEPS)
