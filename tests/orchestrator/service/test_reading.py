"""What is read over HTTP is what is recorded, page by page, and not sent twice."""

import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest

from db.engine import open_database
from orchestrator.render.output import LARGEST_EXACT
from orchestrator.runs.location import Place
from orchestrator.service.settings import ServiceSettings
from tests.orchestrator.cli.conftest import Recorded, written
from tests.orchestrator.service.conftest import place_in, serving

RUN = "/api/v1/runs/tiny"


def _error(answer: httpx.Response) -> tuple[int, str, str]:
    document = answer.json()["error"]
    return answer.status_code, document["message"], document["hint"]


def test_runs_have_their_summaries(service: httpx.Client) -> None:
    page = service.get("/api/v1/runs", params={"name": "TIN", "state": "completed", "limit": 5}).json()
    assert (page["total"], page["limit"], page["offset"]) == (1, 5, 0)
    found = page["items"][0]
    assert found["name"] == "tiny" and "config" not in found
    assert (found["trials_total"], found["trials_ended"], found["fraction_done"], found["seconds_left"]) == (4, 4, 1.0, 0.0)
    assert 0.2 < found["mean_test_accuracy"] <= 1
    assert service.get("/api/v1/runs", params={"state": "failed"}).json()["total"] == 0
    assert service.get("/api/v1/runs", params={"offset": 1}).json()["items"] == []


def test_a_run_has_everything(service: httpx.Client) -> None:
    found = service.get(RUN).json()
    assert found["config"]["name"] == "tiny" and found["environment"]["device"].startswith("cpu")
    assert found["forgetting"]["verified"] is True and found["forgetting"]["commits"] == 2
    assert found["last_event"]["message"].startswith("released by process")


def test_seeds_are_text_that_no_reader_of_json_rounds(service: httpx.Client, recorded: Recorded) -> None:
    with place_in(recorded.folder).reads() as reads:
        seeds = [str(row.seed) for row in reads.trials("tiny", 1)]
    page = service.get("/api/v1/runs/tiny/stages/1/trials").json()
    assert [row["seed"] for row in page["items"]] == seeds and max(map(int, seeds)) > LARGEST_EXACT
    assert service.get("/api/v1/runs/tiny/stages/1/trials/0").json()["seed"] == seeds[0]
    run = service.get("/api/v1/runs/tiny").json()
    assert (run["seed"], run["config"]["seed"]) == ("0", "0")
    assert service.get("/api/v1/runs").json()["items"][-1]["seed"] == "0"
    schemas = service.get("/openapi.json").json()["components"]["schemas"]
    assert {schemas[name]["properties"]["seed"]["type"] for name in ("RunSummary", "RunDetail", "TrialRow")} == {"string"}


def test_tasks_trials_and_what_belongs_to_them(service: httpx.Client) -> None:
    stages = service.get(f"{RUN}/stages").json()
    assert [(stage["task"], stage["state"], stage["trials_total"]) for stage in stages] == [
        (1, "committed", 2), (2, "committed", 2)]
    assert service.get(f"{RUN}/stages/2").json() == stages[1]
    page = service.get(f"{RUN}/stages/1/trials", params={"sort": "-number", "limit": 1}).json()
    assert page["total"] == 2 and [trial["number"] for trial in page["items"]] == [1]
    assert service.get(f"{RUN}/stages/1/trials/1").json() == page["items"][0]
    chosen = service.get(f"{RUN}/stages/1/selection").json()["chosen"]
    only = service.get(f"{RUN}/stages/1/trials", params={"verdict": "chosen", "state": "finished"}).json()
    assert [trial["number"] for trial in only["items"]] == [chosen] and only["total"] == 1
    assert [epoch["epoch"] for epoch in service.get(f"{RUN}/stages/1/trials/0/epochs").json()] == [1, 2, 3]
    assert service.get(f"{RUN}/stages/1/trials/0/curve").json()[0]["position"] == 0
    assert service.get(f"{RUN}/stages/1/verdicts", params={"offset": 1}).json()["items"][0]["number"] == 1
    assert len(service.get(f"{RUN}/commits").json()) == 2 and len(service.get(f"{RUN}/accuracy").json()) == 3
    assert len(service.get(f"{RUN}/capacity").json()) == 4 and service.get(f"{RUN}/requests").json() == []


def test_events_go_on_behind_one_that_is_known(service: httpx.Client) -> None:
    everything = service.get(f"{RUN}/events", params={"limit": 1000}).json()
    first = service.get(f"{RUN}/events", params={"limit": 2}).json()
    assert first == everything[:2]
    assert service.get(f"{RUN}/events", params={"after_id": first[-1]["id"], "limit": 1000}).json() == everything[2:]


def test_what_if_answers_from_the_records(service: httpx.Client) -> None:
    found = service.get(f"{RUN}/what-if", params={"margin": ["2", "0.5"], "task": 1}).json()
    assert [answer["margin_points"] for answer in found["answers"]] == ["2", "0.5"]
    assert found["answers"][0]["changed"] is False
    assert service.get(f"{RUN}/what-if/curve").json()[0]["task"] == 1
    wrong = service.get(f"{RUN}/what-if", params={"margin": "x"})
    assert _error(wrong)[:2] == (422, "the margin 'x' is not a number from 0 to 100")


@pytest.mark.parametrize("path", ["commits", "capacity", "accuracy", "stages/1/trials/0/curve", "stages/1/trials/0/epochs",
                                  "figures/accuracy", "stages/1/figures/trials", "stages/1/trials/0/figures/learning"])
def test_what_somebody_has_is_not_sent_again(service: httpx.Client, path: str) -> None:
    first = service.get(f"{RUN}/{path}")
    assert first.status_code == 200 and first.json()
    again = service.get(f"{RUN}/{path}", headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'})
    assert again.status_code == 304 and again.content == b"" and again.headers["etag"] == first.headers["etag"]
    assert service.get(f"{RUN}/{path}", headers={"If-None-Match": '"other"'}).content == first.content


@pytest.mark.parametrize(("path", "status", "message"), [
    ("runs/tinny", 404, "there is no run 'tinny'"),
    ("runs/" + "x" * 5000, 404, "there is no run with this name"),
    ("runs/a%00b", 404, "there is no run with this name"),
    ("runs/tiny/stages/9", 404, "run 'tiny' has no task 9"),
    ("runs/tiny/stages/1/trials/77", 404, "task 1 of run 'tiny' has no trial 77"),
    ("runs/tiny/stages/99999999999999999999/trials", 422, "task: input should be less than or equal to 2147483647"),
    ("runs/tiny/stages/one", 422, "task: input should be a valid integer, unable to parse string as an integer"),
    ("runs?limit=0", 422, "parameter limit: input should be greater than or equal to 1"),
    ("runs?offset=9223372036854775808", 422, "parameter offset: input should be less than or equal to 2147483647"),
    ("runs?name=%00", 422, "parameter name: string should match pattern '^[^\\x00-\\x1f\\x7f]*$'"),
    ("runs/tiny/figures/none", 404, "a run has no figure 'none'"),
    ("runs/tiny/../../../etc/passwd", 404, "there is no such page"),
    ("runs/tiny%2F..%2F..", 404, "there is no such page"),
    ("jobs/..%2f..%2fx", 404, "there is no such page"),
    ("jobs/nothing", 404, "there is no such job"),
])
def test_errors_say_what_is_wrong(service: httpx.Client, path: str, status: int, message: str) -> None:
    assert _error(service.get(f"/api/v1/{path}"))[:2] == (status, message)


def test_all_wrong_parameters_are_told_at_once(service: httpx.Client) -> None:
    status, message, hint = _error(service.get("/api/v1/runs", params={"limit": "many", "state": "lost"}))
    assert status == 422 and message.splitlines()[0] == "2 parameters are wrong:" and len(message.splitlines()) == 3
    assert hint == "/openapi.json describes every parameter"


def test_what_is_not_understood_says_what_is(service: httpx.Client) -> None:
    answer = service.put("/metrics")
    assert _error(answer)[:2] == (405, "PUT is not supported here") and answer.headers["allow"] == "GET"


def test_a_database_that_is_removed_and_comes_back(recorded: Recorded, tmp_path: Path) -> None:
    source, copy = f"{recorded.folder}/.clnp/clnp.db", tmp_path / ".clnp" / "clnp.db"
    copy.parent.mkdir()
    _copy(source, copy)
    with serving(ServiceSettings(place_in(tmp_path)), tmp_path) as client:
        assert client.get(RUN).status_code == 200
        copy.rename(tmp_path / "away.db")
        for path in ("", "/stages", "/events/stream"):
            answer = client.get(RUN + path)
            assert _error(answer) == (503, f"the database sqlite:///{copy} is gone", "restore it; this service then continues")
            assert answer.headers["retry-after"] == "2"
        assert "clnp_database_up 0.0" in client.get("/metrics").text
        assert client.get("/healthz").status_code == 200
        copy.write_text("something else")
        assert _error(client.get(RUN))[:2] == (503, f"sqlite:///{copy} is not a SQLite database")
        copy.unlink()
        _copy(source, copy)
        assert client.get(RUN).status_code == 200


def test_the_service_cannot_write_even_by_mistake(recorded: Recorded) -> None:
    from sqlalchemy import text
    from sqlalchemy.exc import OperationalError

    from orchestrator.service.database import Database

    database = Database(open_database(place_in(recorded.folder).url).url)
    with database._engine.connect() as connection, pytest.raises(OperationalError, match="readonly"):
        connection.execute(text("DELETE FROM clnp_runs"))
    database.close()


def test_readers_never_stand_in_a_writers_way(tmp_path: Path) -> None:
    with written(tmp_path) as driver:
        driver.begin(2)
        with serving(ServiceSettings(Place.of(f"sqlite:///{tmp_path}/.clnp/clnp.db", str(tmp_path))), tmp_path) as client:
            found: list[Any] = []
            for number in range(2):
                driver.finish(number)
                page = client.get("/api/v1/runs/demo/stages/1/trials", params={"state": "finished"}).json()
                found.append((page["total"], client.get("/api/v1/runs/demo").json()["trials_ended"]))
            assert found == [(1, 1), (2, 2)]
            summary = client.get("/api/v1/runs/demo").json()
            # Task 2 has no trials yet, and its two are known from the config all the same.
            assert (summary["state"], summary["trials_total"], summary["fraction_done"]) == ("running", 4, 0.5)
            driver.let_go()


def _copy(source: str, target: Path) -> None:
    with sqlite3.connect(source) as there, sqlite3.connect(target) as here:
        there.backup(here)
    there.close()
    here.close()


def test_a_parameter_that_a_route_does_not_have(service: httpx.Client) -> None:
    assert _error(service.get("/api/v1/runs", params={"stat": "failed"})) == (
        422, "/api/v1/runs has no parameter 'stat'", "did you mean state?")
    assert _error(service.get(f"{RUN}/capacity", params={"x": 1})) == (
        422, f"{RUN}/capacity has no parameter 'x'", "it has none")


def test_head_is_for_files_of_the_page(service: httpx.Client) -> None:
    for path in (f"{RUN}/accuracy", "/healthz", "/metrics", "/vega.js"):
        refused = service.head(path)
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET")
    assert (service.head("/").status_code, service.head("/nothing").status_code) == (200, 404)
