"""The page in a real browser where things change: a run that moves on, data of others, a lost connection, very many trials."""

import time
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from benchmarks.bench_queries import RUN, fill, val_correct
from db.session import open_database
from db.states import FailureKind
from orchestrator.service.settings import Settings
from tests.orchestrator.cli.conftest import written
from tests.orchestrator.service.browsing import Watched, drawn, section
from tests.orchestrator.service.conftest import TOKEN, place_in, serving

LONG_MILLISECONDS = 120_000
"""The same where 10,000 trials are read and drawn for the first time."""


def test_a_run_is_followed_and_stopped_by_who_holds_the_token(context: BrowserContext, tmp_path: Path) -> None:
    with written(tmp_path) as run, serving(Settings(place_in(tmp_path), token=TOKEN), tmp_path) as client:
        watched = Watched(context, client.base_url)
        page = watched.open("#/runs/demo")
        expect(page.get_by_role("heading", level=1)).to_have_text("demo")
        expect(page.locator(".link")).to_contain_text("Live")
        expect(page.locator("main")).to_contain_text("No task is committed yet.")
        nothing = "There is nothing to draw: run 'demo' has committed no task yet."
        expect(section(page, "Test accuracy").locator("figure")).to_have_text(nothing)
        expect(section(page, "Capacity").locator("figure")).to_have_text(nothing)
        assert page.get_by_role("button", name="Stop").count() == 0

        run.begin()
        expect(page.get_by_role("link", name="Task 1, sweeping, 0 of 3 trials")).to_be_visible()
        expect(page.get_by_role("log")).to_contain_text("pending → sweeping")
        run.finish(0)
        expect(page.get_by_role("link", name="Task 1, sweeping, 1 of 3 trials")).to_be_visible()

        page.get_by_role("button", name="Token").click()
        page.get_by_label("Token", exact=True).fill(TOKEN)
        page.get_by_role("button", name="Use this token").click()
        page.get_by_role("button", name="Stop").click()
        page.get_by_role("button", name="Keep it running").click()
        assert run.store.open_requests(run.lease.run_id) == ()
        page.get_by_role("button", name="Stop").click()
        page.get_by_role("button", name="Stop the run").click()
        expect(page.locator("main")).to_contain_text("the driver has not answered yet")
        run.let_go()
        expect(page.get_by_role("button", name="Resume")).to_be_visible()
        page.get_by_role("link", name="Task 1, stopped, 1 of 3 trials").click()
        expect(page.locator(".run-header .state")).to_have_text("stopped")
        page = watched.open("#/runs/demo/tasks/2")
        picture = section(page, "Accuracy against sparsity")
        expect(picture).to_contain_text("There is nothing to draw")
        expect(picture.get_by_text("A click on a point opens its trial.")).to_be_hidden()
        watched.close()


def test_what_data_says_is_text_and_never_markup(context: BrowserContext, tmp_path: Path) -> None:
    with written(tmp_path) as run, serving(Settings(place_in(tmp_path)), tmp_path) as client:
        run.begin()
        run.fail(1, FailureKind.ERROR, "<img src=x onerror=alert(1)> is <b>no</b> loss")
        watched = Watched(context, client.base_url)
        page = watched.open("#/runs/demo/tasks/1")
        expect(section(page, "Trials")).to_contain_text("<img src=x onerror=alert(1)> is <b>no</b> loss")
        assert page.locator("main img, main b:has-text('no')").count() == 0
        watched.open("#/runs/demo/tasks/1/trials/1")
        expect(page.locator(".verdict-line")).to_contain_text("failed: error")
        watched.close()


def test_a_lost_connection_is_told_and_found_again(watched: Watched, context: BrowserContext) -> None:
    page = watched.open("#/")
    expect(page.get_by_role("link", name="tiny", exact=True)).to_be_visible()
    context.set_offline(True)
    expect(page.locator("#banner")).to_contain_text("Connection lost at")
    expect(page.get_by_role("link", name="tiny", exact=True)).to_be_visible()
    context.set_offline(False)
    expect(page.locator("#banner")).to_be_hidden()
    expect(page.locator("#said")).to_have_text("Connected again.")


@pytest.mark.slow
def test_ten_thousand_trials_of_one_task(context: BrowserContext, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place, many = place_in(tmp_path), 10_000
    engine = open_database(place.url, create=True)
    fill(engine, many, tasks=2)
    engine.dispose()
    with serving(Settings(place), tmp_path) as client:
        watched = Watched(context, client.base_url)
        watched.page.set_default_timeout(LONG_MILLISECONDS)
        began = time.perf_counter()
        page = watched.open(f"#/runs/{RUN}/tasks/1")
        figure, trials = section(page, "Accuracy against sparsity"), section(page, "Trials")
        expect(trials.get_by_role("row")).to_have_count(51, timeout=LONG_MILLISECONDS)
        rows = time.perf_counter() - began
        expect(figure.locator(".figure-stage > div:not(.figure-next) canvas")).to_be_visible(timeout=LONG_MILLISECONDS)
        with capsys.disabled():
            print(f"\n{many:,} trials: the first rows after {rows:.1f} s, the chart after {time.perf_counter() - began:.1f} s")
        drawn(figure)

        def numbers(first: int) -> list[int]:
            expect(trials.locator("tbody th").first).to_have_text(str(first))
            return list(map(int, trials.locator("tbody th").all_inner_texts()))

        assert numbers(0) == list(range(50))
        expect(trials).to_contain_text("1 to 50 of 10,000 trials")
        trials.get_by_role("button", name="Next page").click()
        assert numbers(50) == list(range(50, 100))
        trials.get_by_role("button", name="Last page").click()
        assert numbers(9_950) == list(range(9_950, many))
        best = sorted(range(many), key=lambda number: (-val_correct(number), number))
        trials.get_by_role("button", name="Validation").click()
        assert numbers(best[0]) == best[:50]
        expect(trials.get_by_role("row").nth(2)).to_contain_text(f"{val_correct(best[1]) / 100:.2f} %")
        trials.get_by_role("button", name="Next page").click()
        assert numbers(best[50]) == best[50:100]
        trials.get_by_label("Verdict").select_option("chosen")
        assert numbers(0) == [0]
        watched.close()
