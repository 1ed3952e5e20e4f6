"""The lifecycle as data."""

import pytest

from clnp_core.errors import StateError
from db.states import (
    REOPENINGS,
    STAGE_TRANSITIONS,
    TRIAL_TRANSITIONS,
    FailureKind,
    RunState,
    StageState,
    TrialState,
    check_transition,
    derive_run_state,
    resumed_in,
)
from tests.messages import naming, tells

P, C, F, D, W, S = (StageState.PENDING, StageState.COMMITTED, StageState.FAILED, StageState.DEPLETED, StageState.SWEEPING,
                    StageState.SELECTING)


def test_every_state_has_its_transitions() -> None:
    assert set(STAGE_TRANSITIONS) == set(StageState) and set(TRIAL_TRANSITIONS) == set(TrialState)


def test_the_way_to_a_commit_skips_nothing() -> None:
    way = [StageState.PENDING, StageState.SWEEPING, StageState.SELECTING, StageState.COMMITTING, StageState.COMMITTED]
    for position, state in enumerate(way):
        assert STAGE_TRANSITIONS[state] & set(way[position + 1:]) == set(way[position + 1:position + 2])


def test_a_sweep_that_has_ended_may_begin_again_until_a_trial_is_selected() -> None:
    back = {state for state in StageState if W in STAGE_TRANSITIONS[state]} - {P, F}
    assert back == {S}
    assert [resumed_in(S, None, retrying) for retrying in (False, True)] == [S, W]
    assert [resumed_in(F, S, retrying) for retrying in (False, True)] == [S, W]


@pytest.mark.parametrize("state", [P, W, StageState.COMMITTING])
def test_a_resume_takes_a_stage_up_where_it_ended(state: StageState) -> None:
    for retrying in (False, True):
        assert resumed_in(state, None, retrying) is resumed_in(F, state, retrying) is state


def test_a_stage_is_reopened_only_where_a_transition_leads_and_never_further_on() -> None:
    way = [StageState.PENDING, StageState.SWEEPING, StageState.SELECTING, StageState.COMMITTING]
    assert {to for targets in REOPENINGS.values() for to in targets} == STAGE_TRANSITIONS[StageState.FAILED]
    assert set(REOPENINGS) == {state for state in StageState if F in STAGE_TRANSITIONS[state]}
    for failed_from, targets in REOPENINGS.items():
        assert failed_from in targets and all(way.index(to) <= way.index(failed_from) for to in targets)


def test_predicates() -> None:
    assert [state.value for state in TrialState if state.has_ended] == ["finished", "failed"]
    assert [k.value for k in FailureKind if k.excluded_from_selection] == ["diverged", "timed out"]
    assert [state.value for state in RunState if state.can_resume] == ["stopped", "failed"]


@pytest.mark.parametrize(("state", "target"), [(s, t) for s in TrialState for t in TrialState])
def test_check_transition_follows_the_table(state: TrialState, target: TrialState) -> None:
    if target in TRIAL_TRANSITIONS[state]:
        check_transition("caller", "trial 3", state, target)
    else:
        with pytest.raises(StateError, match=naming("trial 3", state.value, target.value)):
            check_transition("caller", "trial 3", state, target)


def test_what_an_illegal_transition_says() -> None:
    with pytest.raises(StateError) as caught:
        check_transition("record_commit", "task 2 of run 'demo'", P, C)
    assert tells(caught.value, "record_commit", "task 2", "demo", "pending", "committing", "committed", "depleted", "failed",
                 "sweeping")


@pytest.mark.parametrize(("stages", "cancelled", "lives", "state"), [
    ([C, C], False, False, RunState.COMPLETED),
    ([C, C], True, True, RunState.COMPLETED),
    ([C, D, P], True, True, RunState.DEPLETED),
    ([C, W], True, True, RunState.RUNNING),
    ([C, W], True, False, RunState.CANCELLED),
    ([C, F], True, False, RunState.CANCELLED),
    ([C, F], False, True, RunState.FAILED),
    ([C, F], False, False, RunState.FAILED),
    ([C, W], False, True, RunState.RUNNING),
    ([P, P], False, True, RunState.RUNNING),
    ([C, W], False, False, RunState.STOPPED),
    ([P, P], False, False, RunState.STOPPED),
])
def test_the_state_of_a_run(stages: list[StageState], cancelled: bool, lives: bool, state: RunState) -> None:
    assert derive_run_state(stages, cancelled, lives) is state
