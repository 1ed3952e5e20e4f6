"""A handle on a run: what it says, what it gives, what it refuses, and that it keeps nothing."""

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from clnp_core.errors import DatabaseError, NotFoundError, StateError
from db.states import RunState
from orchestrator import api
from tests.messages import naming, tells
from tests.orchestrator.cli.conftest import written


def test_it_says_what_the_database_says(tiny: api.Run) -> None:
    row = tiny.row
    for name in ("name", "state", "tasks", "tasks_committed", "benchmark", "seed", "margin_points", "config", "environment",
                 "forked_from", "forked_after_task", "created_at", "driver_lives"):
        assert getattr(tiny, name) == getattr(row, name)
    assert (tiny.name, tiny.state, tiny.tasks, tiny.tasks_committed) == ("tiny", RunState.COMPLETED, 2, 2)


def test_its_tables(tiny: api.Run) -> None:
    assert list(tiny.stages()["task"]) == [1, 2]
    assert list(tiny.trials()["task"]) == [1, 1, 2, 2] and list(tiny.trials(2)["number"]) == [0, 1]
    assert list(tiny.selections()["task"]) == list(tiny.commits()["task"]) == [1, 2]
    assert len(tiny.capacity()) == 4
    matrix = tiny.accuracy_matrix()
    assert matrix.shape == (2, 2) and matrix.loc[1, 1] == matrix.loc[2, 1] and matrix.isna().loc[1, 2]
    assert list(tiny.evaluations()["on_task"]) == [1, 1, 2]
    assert tiny.events()["message"].iloc[0] == "created with 2 tasks"


def test_its_parts(tiny: api.Run) -> None:
    stage = tiny.stage(2)
    assert stage.row.task == 2 and list(stage.trials()["number"]) == [0, 1]
    assert stage.selection is not None and stage.chosen is not None
    assert stage.chosen == tiny.trial(2, stage.selection.chosen)
    assert stage.chosen.row.verdict == "chosen"
    assert len(stage.chosen.epochs()) == 3 and len(stage.chosen.threshold_curve()) > 1
    assert tiny.commit() == tiny.commit(2) != tiny.commit(1)
    assert tiny.commit(2).row.digest == tiny.commit(2).digest == tiny.commits()["digest"].iloc[1]


@pytest.mark.parametrize(("ask", "message", "hint"), [
    (lambda run: run.stage(3), "run 'tiny' has no task 3", "its tasks are 1 to 2"),
    (lambda run: run.stage(0), "run 'tiny' has no task 0", "its tasks are 1 to 2"),
    (lambda run: run.trials(3), "run 'tiny' has no task 3", "its tasks are 1 to 2"),
    (lambda run: run.commit(3), "run 'tiny' has no task 3", "its tasks are 1 to 2"),
    (lambda run: run.trial(1, 2), "task 1 of run 'tiny' has no trial 2", "`clnp trials tiny --task 1` lists them"),
    (lambda run: run.commit(1).logits(2, None), "the commit of task 1 of run 'tiny' does not serve task 2", "it serves task 1"),
    (lambda run: run.commit(2).module(3), "the commit of task 2 of run 'tiny' does not serve task 3",
     "it serves tasks 1 to 2")])
def test_what_is_not_there(tiny: api.Run, ask: Callable[[api.Run], object], message: str, hint: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        ask(tiny)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_a_commit_that_is_not_there_yet(tmp_path: Path) -> None:
    with written(tmp_path) as run:
        run.begin()
        demo = api.run("demo", url=f"sqlite:///{tmp_path}/.clnp/clnp.db")
        for task, what in ((None, "commit"), (1, "commit of task 1")):
            with pytest.raises(NotFoundError) as caught:
                demo.commit(task)
            assert tells(caught.value, "demo", what, 0, 2)
        assert demo.stage(1).selection is None and demo.stage(1).chosen is None


def test_it_is_never_out_of_date(tmp_path: Path) -> None:
    with written(tmp_path) as run:
        demo = api.run("demo", url=f"sqlite:///{tmp_path}/.clnp/clnp.db", storage=str(tmp_path / "artifacts"))
        assert demo.driver_lives and demo.state is RunState.RUNNING
        run.let_go()
        assert not demo.driver_lives and demo.state is RunState.STOPPED
    demo.remove()
    with pytest.raises(NotFoundError, match=naming("demo")):
        _ = demo.state
    assert repr(demo) == "Run demo (cannot be shown: there is no run 'demo')"


def test_it_means_the_same_elsewhere(tiny: api.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = pickle.loads(pickle.dumps(tiny))
    assert copy == tiny and hash(copy) == hash(tiny) and copy is not tiny
    for part in (tiny.stage(1), tiny.trial(1, 0), tiny.commit(1), api.runs(url=tiny.place.url)):
        assert pickle.loads(pickle.dumps(part)) == part
    monkeypatch.chdir(tiny.place.storage)
    here = api.run("tiny", url="sqlite:///../clnp.db", storage=".")
    monkeypatch.chdir(tmp_path)
    assert here.state is RunState.COMPLETED and here.commit().network().architecture.hidden == (24, 16)


def test_it_shows_itself(tiny: api.Run) -> None:
    text = repr(tiny).splitlines()
    assert text[0] == "Run tiny is completed: 2 of 2 tasks committed (permuted-digits, margin 2 percentage points)."
    assert text[2].split() == ["task", "state", "trials", "chosen", "test", "%", "used", "%"]
    assert [line.split()[:3] for line in text[4:]] == [["1", "committed", "2"], ["2", "committed", "2"]]
    html = tiny._repr_html_()
    assert html.startswith(f"<p>{text[0]}</p>\n<table>") and html.count("<tr>") == 3
    for part, beginning in ((tiny.stage(1), "Task 1 of run tiny is committed."),
                            (tiny.trial(1, 0), "Trial 0 of task 1 of run tiny is finished."),
                            (tiny.commit(1), "Commit of task 1 of run tiny.")):
        assert repr(part).startswith(beginning) and "<table>" in part._repr_html_()


def test_what_it_can_be_asked_to_do(tiny: api.Run) -> None:
    with pytest.raises(StateError, match=naming("tiny")):
        tiny.stop()
    with pytest.raises(StateError, match=naming("tiny")):
        tiny.cancel()
    with pytest.raises(StateError, match=naming(2, "task 2")):
        tiny.fork(2)
    assert tiny.resume() is tiny, "nothing is left to do"
    assert [commit.tasks_compared for commit in tiny.verify()] == [(), (1,)]


@pytest.mark.slow
def test_what_can_be_taken_out_of_it(tiny: api.Run, tmp_path: Path) -> None:
    report = tiny.report(tmp_path / "report")
    assert report.folder == tmp_path / "report" and (report.folder / "report.html").is_file()
    exported = tiny.export(1, tmp_path / "digits")
    assert exported.folder == tmp_path / "digits" and (exported.folder / "model_card.md").is_file()


def test_what_a_trial_printed(tiny: api.Run, tmp_path: Path) -> None:
    elsewhere = api.run("tiny", url=tiny.place.url, storage=str(tmp_path))
    with pytest.raises(NotFoundError):
        elsewhere.trial(1, 0).output()


def test_why_it_has_come_to_a_halt(tmp_path: Path) -> None:
    with written(tmp_path) as run:
        run.begin()
        run.store.fail_stage(run.lease, 1, "every trial failed\nlook at the rates")
        shown = repr(api.run("demo", url=f"sqlite:///{tmp_path}/.clnp/clnp.db")).splitlines()
    assert shown[4].split()[:2] == ["1", "failed"]
    assert shown[-1] == "Task 1: every trial failed look at the rates"


def test_the_runs_of_a_database(place: dict[str, str], tiny: api.Run) -> None:
    runs = api.runs(**place)
    assert len(runs) == 1 and list(runs) == [tiny] == list(runs[:1]) and runs[0] == runs["tiny"] == tiny
    assert runs._ipython_key_completions_() == ["tiny"]
    assert list(runs.frame()["name"]) == ["tiny"]
    assert repr(runs).splitlines()[0] == f"1 run in {place['url']}"
    assert repr(runs).splitlines()[4].split()[:3] == ["tiny", "completed", "2/2"]
    assert "<td" in runs._repr_html_()
    with pytest.raises(NotFoundError, match=naming("other")):
        _ = runs["other"]
    with pytest.raises(IndexError):
        _ = runs[1]


def test_what_leads_nowhere(place: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        api.run("tinny", **place)
    assert tells(caught.value)
    with pytest.raises(DatabaseError):
        api.runs(url=f"sqlite:///{tmp_path}/none.db")
    assert list(tmp_path.iterdir()) == [], "nothing was made"
