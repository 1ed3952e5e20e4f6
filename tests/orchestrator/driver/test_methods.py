"""Whole runs of the methods that CLNP is held against: the same config, trials, database and reports."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch

from clnp_core.errors import ConfigError, NotFoundError, StateError
from clnp_core.selection import Verdict
from db.sql import run_sql
from db.states import RunState
from orchestrator import api
from orchestrator.cli.main import main
from orchestrator.config.config import Config
from orchestrator.driver import plan
from orchestrator.events.events import Progress
from orchestrator.events.stats import Tally
from orchestrator.service.app import create_app
from orchestrator.service.settings import ServiceSettings
from tests.messages import naming
from tests.orchestrator.laboratory import SMALL, Heard, Laboratory
from workers.data.loader import load_task
from workers.methods import Method

Command = Callable[..., tuple[int, str]]

BASELINES: dict[Method, dict[str, Any]] = {Method.EWC: {"strength": 50.0, "fisher_samples": 50}, Method.SI: {"strength": 1.0}}
OFTEN, SELDOM = (Method.CLNP, Method.EWC), (Method.SCRATCH, Method.JOINT)
METHODS = [pytest.param(method, marks=[] if method in OFTEN else pytest.mark.whole if method in SELDOM else pytest.mark.slow)
           for method in Method]
"""Sequential training and SI differ from EWC in nothing that an action looks at."""


def config(method: Method, name: str | None = None, **sections: Any) -> Config:
    baseline = BASELINES.get(method, {})
    return Config.parse({**SMALL, "name": name or method.value, "method": method.value,
                         **({"baseline": baseline} if baseline else {}), **sections})


class Methods(Laboratory):
    """A run of each method, trained when a test first asks for it."""

    def trained(self, method: Method) -> api.Run:
        there = (self.folder / "clnp.db").exists() and self.read(lambda reads: {row.name for row in reads.runs()})
        if not there or method.value not in there:
            self.launch(config(method))
        return api.run(method.value, url=self.url, storage=self.storage)

    def forked(self, method: Method, after_task: int, name: str, *overrides: str, heard: Progress | None = None) -> api.Run:
        return self.fork(method.value, after_task, name=name, overrides=overrides, progress=heard)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Methods]:
    yield Methods(tmp_path_factory.mktemp("methods"))


@pytest.fixture
def clnp(lab: Methods, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """A command in this process, where the runs are: its exit code, and all that it printed."""
    monkeypatch.setenv("CLNP_DB_URL", lab.url)
    monkeypatch.setenv("CLNP_STORAGE", lab.storage)

    def call(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        code = main(arguments)
        return code, "".join(capsys.readouterr())

    return call


def own_task(method: Method) -> int:
    """The first task that has a stage."""
    return 2 if method is Method.JOINT else 1


Action = Callable[[Methods, Method, api.Run, Command, Path], None]


def status(lab: Methods, method: Method, run: api.Run, clnp: Command, folder: Path) -> None:
    assert (run.state, run.tasks, run.tasks_committed) == (RunState.COMPLETED, 2, 2)
    code, said = clnp("status", run.name)
    assert code == 0 and said.startswith(f"Run {run.name} is completed: 2 of 2 tasks committed.")
    assert f"Run {run.name} is" not in clnp("status")[1]
    assert f"Run {run.name} is completed: 2 of 2 tasks committed" in repr(run)


def ls(lab: Methods, method: Method, run: api.Run, clnp: Command, folder: Path) -> None:
    (line,) = [line for line in clnp("ls")[1].splitlines() if line.split()[:1] == [run.name]]
    assert line.split()[1:3] == ["completed", "2/2"]
    (row,) = run_sql(f"SELECT state, tasks_committed, mean_test_accuracy FROM clnp_v_runs WHERE run = '{run.name}'",
                     lab.url).rows
    assert row[:2] == ("completed", 2) and line.split()[3] == f"{100 * row[2]:.2f}"


def page(lab: Methods, method: Method, run: api.Run, clnp: Command, folder: Path) -> None:
    app = create_app(ServiceSettings(run.place))

    async def answers(*paths: str) -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
            return [await client.get(f"/api/v1/runs/{run.name}{path}") for path in paths]

    paths = ("/accuracy", "/capacity", "/commits", "/requests", "/figures/accuracy", "/figures/capacity", "/stages/2",
             "/stages/2/trials", "/stages/2/selection", "/stages/2/figures/trials")
    whole, stages, first, *others = asyncio.run(answers("", "/stages", "/stages/1", *paths))
    row = whole.json()
    assert (row["state"], row["tasks_committed"], row["tasks"], row["fraction_done"]) == ("completed", 2, 2, 1.0)
    assert row["first_task"] == own_task(method)
    assert [stage["task"] for stage in stages.json()] == list(range(own_task(method), 3))
    assert first.status_code == (404 if method is Method.JOINT else 200)
    assert [answer.status_code for answer in others] == [200] * len(paths)


def resume(lab: Methods, method: Method, run: api.Run, clnp: Command, folder: Path) -> None:
    heard = Heard()
    assert lab.resume(run.name, heard).state is RunState.COMPLETED and heard.steps == []


def fork_at_0(lab: Methods, method: Method, run: api.Run, clnp: Command, folder: Path) -> None:
    """All trials are taken over, so that it is the test of the reuse as well."""
    heard = Heard()
    forked = lab.forked(method, 0, f"{method}-again", heard=heard)
    assert forked.state is RunState.COMPLETED and heard.of("finished") == []
    assert all(trial.reused_from for trial in lab.trials(forked.name))
    assert lab.digests(forked.name) == lab.digests(run.name)
    assert [row.task for row in lab.read(lambda reads: reads.stages(forked.name))] == list(range(own_task(method), 3))


def fork_after_a_task(lab: Methods, method: Method, run: api.Run, clnp: Command, folder: Path) -> None:
    if method is Method.JOINT:
        for task in (1, 2):
            with pytest.raises(ConfigError, match=naming(task)):
                lab.forked(method, task, "joint-later")
        return
    heard = Heard()
    forked = lab.forked(method, 1, f"{method}-later", heard=heard)
    assert forked.state is RunState.COMPLETED and heard.of("committed") == [2]
    assert lab.digests(forked.name) == lab.digests(run.name)


def fork_to_another_method(lab: Methods, method: Method, run: api.Run, clnp: Command, folder: Path) -> None:
    other = Method.JOINT if method is Method.CLNP else Method.CLNP
    if method is not Method.JOINT:
        with pytest.raises(ConfigError, match=naming("task 1", method)):
            lab.forked(method, 1, "mixed", f"method={other}")
    lab.trained(other)
    forked = lab.forked(method, 0, f"{method}-to-{other}", f"method={other}")
    assert forked.state is RunState.COMPLETED and forked.row.method == other
    assert lab.digests(forked.name) == lab.digests(other.value)
    assert forked.tasks_committed == 2


def commit(lab: Methods, method: Method, run: api.Run, clnp: Command, folder: Path) -> None:
    assert run.commit().task == 2 and run.commit(2).digest == lab.digests(run.name)[-1]
    if method is Method.JOINT:
        for one in (run.commit, run.stage):
            with pytest.raises(NotFoundError, match=naming(1, 2, "task 1")):
                one(1)
    else:
        assert run.commit(1).digest == lab.digests(run.name)[0]
    with pytest.raises(NotFoundError, match=naming("task 3")):
        run.commit(3)


def predict(lab: Methods, method: Method, run: api.Run, clnp: Command, folder: Path) -> None:
    """The predictions of every commit are the recorded accuracies."""
    spec = plan.benchmark_spec(config(method))
    for cell in lab.read(lambda reads: reads.accuracy_matrix(run.name)):
        made, test = run.commit(cell.after_task), load_task(spec, cell.on_task).test
        if method is Method.SCRATCH and cell.on_task < cell.after_task:
            assert cell.on_task not in made.tasks
            for ask in (made.predict, made.logits):
                with pytest.raises(NotFoundError, match=naming("task 1", "task 2")):
                    ask(cell.on_task, test.inputs)
            continue
        assert int((made.predict(cell.on_task, test.inputs) == test.labels).sum()) == cell.test_correct
        torch.testing.assert_close(made.module(cell.on_task)(test.inputs), made.logits(cell.on_task, test.inputs))


def verify(lab: Methods, method: Method, run: api.Run, clnp: Command, folder: Path) -> None:
    if method is Method.CLNP:
        assert [made.task for made in run.verify()] == [1, 2]
    else:
        with pytest.raises(StateError, match=naming("forgetting")):
            run.verify()


def what_if(lab: Methods, method: Method, run: api.Run, clnp: Command, folder: Path) -> None:
    if method is Method.CLNP:
        assert clnp("what-if", run.name, "--margin", "5")[0] == 0
    else:
        with pytest.raises(StateError, match=naming("margin")):
            run.what_if(5)


def export(lab: Methods, method: Method, run: api.Run, clnp: Command, folder: Path) -> None:
    if method is Method.CLNP:
        assert run.export(1, folder / "export").folder.is_dir()
    else:
        for task in (1, 2):
            with pytest.raises(StateError):
                run.export(task, folder / "export")


def report(lab: Methods, method: Method, run: api.Run, clnp: Command, folder: Path) -> None:
    written = run.report(folder / "report")
    assert "2 of 2 tasks committed" in (written.folder / "report.html").read_text(encoding="utf-8")


def compare(lab: Methods, method: Method, run: api.Run, clnp: Command, folder: Path) -> None:
    lab.trained(Method.CLNP)
    names = (run.name, *(["clnp"] if method is not Method.CLNP else []))
    for flags in ((), ("--after-task", "2")):
        code, said = clnp("compare", *names, *flags)
        assert code == 0 and "it is not averaged" not in said
    code, said = clnp("compare", *names, "--after-task", "1")
    if method is Method.JOINT:
        assert code == 2 and "run joint learns 2 tasks together, so it has no result after 1 of them" in said
    else:
        assert code == 0 and "it is not averaged" not in said


ACTIONS: tuple[Action, ...] = (status, ls, page, resume, fork_at_0, fork_after_a_task, fork_to_another_method, commit, predict,
                               verify, what_if, export, report, compare)


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.__name__)
@pytest.mark.parametrize("method", METHODS)
def test_every_method_takes_every_action_or_says_why_not(lab: Methods, method: Method, action: Action, tmp_path: Path,
                                                         clnp: Command) -> None:
    action(lab, method, lab.trained(method), clnp, tmp_path)


@pytest.mark.parametrize("method", METHODS)
def test_the_trials_of_every_method(lab: Methods, method: Method) -> None:
    run = lab.trained(method)
    matrix = {(cell.after_task, cell.on_task) for cell in lab.read(lambda reads: reads.accuracy_matrix(run.name))}
    assert matrix == ({(2, 1), (2, 2)} if method is Method.JOINT else {(1, 1), (2, 1), (2, 2)})
    trials = [trial for trial in lab.trials(run.name) if trial.task == 2]
    assert {trial.alpha for trial in trials} == {(1e-4, 1e-4, 1e-4) if method is Method.CLNP else (0.0, 0.0, 0.0)}
    chosen = next(trial for trial in trials if trial.verdict is Verdict.CHOSEN)
    if method is not Method.CLNP:
        assert chosen.val_correct == max(trial.val_correct or 0 for trial in trials)


@pytest.mark.whole
def test_the_steps_of_joint_training_are_those_of_its_one_stage(lab: Methods) -> None:
    tally = Tally()
    lab.launch(config(Method.JOINT, "steps"), tally)
    assert (tally.tasks, tally.left, tally.committed_tasks, tally.trials_total) == ([0, 2], [0, 0], {1, 2}, 2)


@pytest.mark.parametrize(("values", "expected"), [
    ({"method": "ewc"}, "baseline: strength is missing, and method ewc needs it"),
    ({"method": "sequential", "baseline": {"strength": 1}}, "strength cannot be used with method sequential"),
    ({"baseline": {"strength": 1}}, "strength cannot be used with method clnp"),
    ({"method": "scratch", "fine_tuning": {}}, "cannot be used with method scratch, which prunes nothing"),
    ({"method": "si", "baseline": {"batch": [1, 1], "strength": 1}}, "batch cannot be used with method si"),
    ({"method": "joint", "baseline": {"batch": [1]}}, "batch has 1 numbers for 2 tasks"),
    ({"method": "joint", "training": {"batch_size": 1, "epochs": 2}}, "baseline: has no batch, and 1 samples are too few"),
    ({"method": "joint", "network": {"hidden": [32, 1]}}, "network: has 1 neurons in its last hidden layer, which method"),
    ({"method": "joint", "resources": {"trials_per_pack": 2}}, "trials_per_pack cannot be used with method joint"),
    ({"method": "ewcc"}, "did you mean ewc?"),
])
def test_what_does_not_fit_a_method(values: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Config.parse({**SMALL, **values})
    assert expected in str(refused.value)


def test_a_config_of_clnp_is_recorded_as_before_there_were_others() -> None:
    resolved = Config.parse(SMALL).resolved()
    assert not {"method", "baseline"} & resolved.keys()
    assert Config.from_resolved(resolved).method is Method.CLNP
    other = config(Method.EWC)
    assert Config.from_resolved(other.resolved()) == other
