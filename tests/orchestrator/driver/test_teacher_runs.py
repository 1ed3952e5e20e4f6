"""Runs with teachers on a real Ray: trained in the sweep, never chosen, distilled from, reused, resumed, left out."""

from pathlib import Path
from typing import Any

import pytest

from clnp_core.errors import RunFailedError
from clnp_core.values import TrialRole
from db.rows import TrialRow
from db.states import RunState, StageState, TrialState
from orchestrator import api
from orchestrator.config.config import Config
from orchestrator.runs.gc import collect
from tests.messages import naming
from tests.orchestrator.laboratory import Heard, Laboratory, small

TUNING: dict[str, Any] = {"epochs": 1, "learning_rate": 0.001, "alpha": 0, "distillation": {"copies": 1}}
TEACHERS: dict[str, Any] = {"count": 2, "hidden": [48], "dropout": 0.1, "input_dropout": 0.1, "epochs": 6, "batch_size": 64,
                            "learning_rate": 0.005}
BAD: dict[str, Any] = {"optimizer": "sgd", "learning_rate": 1e30}
"""A teacher that diverges."""


class CutShortError(Exception):
    """At some step."""


def taught(name: str = "taught", tasks: int = 1, teachers: dict[str, Any] | None = None, **sections: Any) -> Config:
    """A small run with teachers."""
    config = small(benchmark={"tasks": tasks}, fine_tuning=TUNING, teachers={**TEACHERS, **(teachers or {})}, **sections)
    return Config.parse({**config.resolved(), "name": name})


def cut_short_at(number: int) -> Heard:
    def end(step: str, detail: Any) -> None:
        if (step, detail) == ("finished", number):
            raise CutShortError
    return Heard(when=end)


def teachers_of(laboratory: Laboratory, run: str, task: int = 1) -> list[TrialRow]:
    return [trial for trial in laboratory.trials(run, task) if trial.role is TrialRole.TEACHER]


def removed(laboratory: Laboratory, rows: list[TrialRow]) -> set[bool]:
    """Whether the weights are recorded as removed, and are."""
    gone = {row.digest for row in laboratory.read(lambda reads: reads.artifacts()) if row.removed_at is not None}
    return {row.artifact_digest in gone and not laboratory.artifact(row.artifact_digest).exists() for row in rows}


@pytest.fixture
def lab(tmp_path: Path) -> Laboratory:
    return Laboratory(tmp_path)


@pytest.mark.parametrize("head", ["single", pytest.param("multi", marks=pytest.mark.whole)])
def test_teachers_are_trained_in_the_sweep_and_distilled_from_at_the_commit(lab: Laboratory, tmp_path: Path, head: str) -> None:
    config = taught(tasks=2, network={"head": head})
    run = lab.launch(config)
    assert run.state is RunState.COMPLETED
    for task in (1, 2):
        rows = lab.trials("taught", task)
        assert [row.role.value for row in rows] == ["candidate", "candidate", "teacher", "teacher"]
        teachers = rows[2:]
        assert {row.state for row in teachers} == {TrialState.FINISHED} and {row.hidden_total for row in teachers} == {48}
        assert [row.verdict for row in teachers] == [None, None] and all(row.verdict for row in rows[:2])
        assert len(lab.read(lambda reads, task=task: reads.trial_history("taught", task, 2))) == 6
        assert lab.read(lambda reads, task=task: reads.threshold_curve("taught", task, 2)) == []
        selection = lab.read(lambda reads, task=task: reads.selections("taught", task))[0]
        assert selection.best_val_correct == max(row.val_correct or 0 for row in rows[:2])
        commit = lab.read(lambda reads, task=task: reads.commits("taught", task))[0]
        assert [tuned.teachers for tuned in commit.fine_tuning] == [2]
        assert removed(lab, rows[:2]) == {False} and removed(lab, teachers) == {True}, "ten candidates are kept"
    told = [event for event in lab.read(lambda reads: reads.events("taught")) if event.kind == "teachers"]
    assert [event.message for event in told] == [f"task {task}: trials 2, 3 will teach the fine-tuning" for task in (1, 2)]
    assert told[0].details == {"task": 1, "teachers": [2, 3], "left_out": {}}
    assert [commit.task for commit in api.verify("taught", url=lab.url, storage=lab.storage)] == [1, 2]

    other = Laboratory(tmp_path / "other")
    other.folder.mkdir()
    for number in (2, 0):
        heard = cut_short_at(number)
        with pytest.raises(CutShortError):
            other.launch(config, heard) if number == 2 else other.resume("taught", heard)
    assert other.resume("taught").state is RunState.COMPLETED
    assert other.digests("taught") == lab.digests("taught"), "killed in both sweeps"


@pytest.mark.whole
def test_other_runs_take_them_over_and_train_again_what_is_gone(lab: Laboratory) -> None:
    lab.launch(taught())
    heard = Heard()
    lab.launch(taught("again", sweep={"alpha": [1e-3, 1e-4], "reuse_trials": True}, selection={"margin_points": 5}), heard)
    one, two = teachers_of(lab, "taught"), teachers_of(lab, "again")
    assert [row.number for row in two] == [4, 5] and [row.reused_from for row in two] == ["taught/1/2", "taught/1/3"]
    assert [row.artifact_digest for row in two] == [row.artifact_digest for row in one]
    assert not {4, 5} & set(heard.of("finished"))
    again = "stored networks are missing, retraining trial 4, 5"
    assert any(again in text for text in heard.of("notice"))
    [tuned] = lab.read(lambda reads: reads.commits("again"))[0].fine_tuning
    assert tuned.teachers == 2


def test_weights_that_are_to_stay_do_and_are_no_garbage(lab: Laboratory) -> None:
    lab.launch(taught(storage={"keep_trials": "all"}))
    assert removed(lab, lab.trials("taught")) == {False}
    assert collect(older_than_seconds=0, url=lab.url, storage=lab.storage).files == ()
    assert removed(lab, lab.trials("taught")) == {False}


@pytest.mark.whole
def test_one_that_diverges_is_left_out_and_without_any_fine_tuning_learns_from_the_labels(lab: Laboratory) -> None:
    heard = Heard()
    assert lab.launch(taught(teachers=BAD), heard).state is RunState.COMPLETED
    assert {row.state for row in teachers_of(lab, "taught")} == {TrialState.FAILED}
    [told] = [text for text in heard.of("notice") if "left out" in text]
    assert told.startswith("  task 1: no teacher is left, and fine-tuning learns from the labels alone; left out: trial 2: ")
    [tuned] = lab.read(lambda reads: reads.commits("taught"))[0].fine_tuning
    assert tuned.teachers == 0
    plain = small(benchmark={"tasks": 1}, fine_tuning={**TUNING, "distillation": None})
    lab.launch(Config.parse({**plain.resolved(), "name": "plain"}))
    assert lab.digests("plain") == lab.digests("taught")


def test_one_that_is_worse_than_the_best_candidate_is_left_out(lab: Laboratory) -> None:
    heard = Heard()
    lab.launch(taught(teachers={"count": 1, "learning_rate": [1e-9, 0.005]}), heard)
    [told] = [text for text in heard.of("notice") if "left out" in text]
    assert told.startswith("  task 1: trial 3 will teach the fine-tuning; left out: trial 2: ")
    assert told.endswith("and the best candidate has " + told.rpartition("has ")[2])
    [tuned] = lab.read(lambda reads: reads.commits("taught"))[0].fine_tuning
    assert tuned.teachers == 1


def test_required_teachers_fail_the_task_and_another_fork_goes_on(lab: Laboratory) -> None:
    with pytest.raises(RunFailedError, match=naming("task 1", "0 of 2 teachers", "teachers.required", "trial 2", "trial 3")):
        lab.launch(taught(teachers={**BAD, "required": True}))
    assert lab.read(lambda reads: reads.stages("taught"))[0].failed_from is StageState.SWEEPING
    forked = lab.fork("taught", 0, name="better", overrides=["teachers.required=false"])
    assert forked.state is RunState.COMPLETED
    assert [row.reused_from for row in lab.trials("better", 1)][:2] == ["taught/1/0", "taught/1/1"]


@pytest.mark.whole
def test_a_sampler_does_not_hear_of_them(lab: Laboratory) -> None:
    sampler = {"sampler": "tpe", "samples": 3, "alpha": {"low": 1e-5, "high": 1e-3},
               "learning_rate": {"low": 5e-3, "high": 2e-2}}
    with pytest.raises(CutShortError):
        lab.launch(taught(sweep=sampler), cut_short_at(3))
    assert lab.resume("taught").state is RunState.COMPLETED
    rows = lab.trials("taught", 1)
    assert [(row.number, row.role.value) for row in rows] == [
        (0, "candidate"), (1, "candidate"), (2, "candidate"), (3, "teacher"), (4, "teacher")]
    assert all(1e-5 <= row.alpha[0] <= 1e-3 for row in rows[:3]) and {row.alpha for row in rows[3:]} == {(0.0, 0.0)}
    assert len(lab.read(lambda reads: reads.verdicts("taught", 1))) == 3
    again = Heard()
    lab.launch(taught("again", sweep={**sampler, "reuse_trials": True}), again)
    assert [row.reused_from for row in teachers_of(lab, "again")] == ["taught/1/3", "taught/1/4"]
    assert "  task 1: 2 of 5 trials reused from run taught, none retrained" in again.of("notice")


@pytest.mark.whole
def test_packs_of_teachers_beside_packs_of_candidates(lab: Laboratory) -> None:
    resources = {"max_concurrent_trials": 1, "trials_per_pack": 2}
    with pytest.raises(CutShortError):
        lab.launch(taught(resources=resources, teachers={"count": 3}), cut_short_at(3))
    resumed = Heard()
    assert lab.resume("taught", resumed).state is RunState.COMPLETED
    assert sorted(resumed.of("finished")) == [4]
    [tuned] = lab.read(lambda reads: reads.commits("taught"))[0].fine_tuning
    assert tuned.teachers == 3


@pytest.mark.whole
def test_a_fork_keeps_those_of_the_tasks_that_it_takes_over(lab: Laboratory) -> None:
    lab.launch(taught(tasks=2))
    forked = lab.fork("taught", 1, name="child", overrides=["teachers.count=1", "selection.margin_points=4"])
    assert forked.state is RunState.COMPLETED
    assert [row.number for row in teachers_of(lab, "child", 1)] == [2, 3]
    assert [(row.number, row.reused_from) for row in teachers_of(lab, "child", 2)] == [(2, "taught/2/2")]
    commit = lab.read(lambda reads: reads.commits("taught", 1))[0]
    lab.artifact(commit.digest).unlink()
    lab.artifact(lab.read(lambda reads: reads.commits("child", 2))[0].digest).unlink()
    assert api.resume("child", url=lab.url, storage=lab.storage).state is RunState.COMPLETED
    assert lab.artifact(commit.digest).exists(), "built again, with the teachers trained again"
