"""The page in a real browser where things change: a run that moves on, data of others, a lost connection, very many trials."""

import os
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from benchmarks.bench_queries import RUN, fill, val_correct
from clnp_core.values import FineTuningRound, TaskResult
from db.engine import open_database
from db.liveness import this_host, this_owner
from db.records import PlannedTrial
from db.states import FailureKind
from orchestrator.jobs.jobs import JobFolder, JobKind, JobRecord, started_of
from orchestrator.service.settings import ServiceSettings
from tests.db.builders import ARCHITECTURE, Driver, commit, epoch, facts, grid, selection, verdicts
from tests.orchestrator.cli.conftest import written
from tests.orchestrator.render.test_run_summary import SEARCH
from tests.orchestrator.service.browsing import Watched, drawn, section
from tests.orchestrator.service.conftest import TOKEN, place_in, serving
from workers.methods import Method

LONG_MILLISECONDS = 120_000
"""The same where 10,000 trials are read and drawn for the first time."""


def test_a_run_is_followed_and_stopped_by_who_holds_the_token(context: BrowserContext, tmp_path: Path) -> None:
    with written(tmp_path) as run, serving(ServiceSettings(place_in(tmp_path), token=TOKEN), tmp_path) as client:
        watched = Watched(context, client.base_url)
        page = watched.open("#/runs/demo")
        expect(page.get_by_role("heading", level=1)).to_have_text("demo")
        expect(page.locator(".link")).to_contain_text("Live")
        expect(page.locator("main")).to_contain_text("No task is committed yet.")
        nothing = "There is nothing to draw: no task is committed yet."
        expect(page.locator(".run-progress")).to_contain_text("Starting Ray and its workers · 0 %")
        run.store.record_environment(run.lease, {"device": "cpu"})
        expect(page.locator(".run-progress")).to_contain_text("Starting workers and loading task 1")
        expect(section(page, "Test accuracy").locator("figure")).to_have_text(nothing)
        expect(section(page, "Capacity").locator("figure")).to_have_text(nothing)
        assert page.get_by_role("button", name="Stop").count() == 0

        run.begin()
        expect(page.get_by_role("link", name="Task 1, sweeping, 0 of 3 trials")).to_be_visible()
        expect(page.get_by_role("log")).to_contain_text("pending → sweeping")
        expect(page.locator(".run-progress")).to_contain_text("Starting workers for task 1")
        run.finish(0)
        expect(page.get_by_role("link", name="Task 1, sweeping, 1 of 3 trials")).to_be_visible()

        page.get_by_role("button", name="Token").click()
        page.get_by_label("Token", exact=True).fill(TOKEN)
        page.get_by_role("button", name="Use this token").click()
        page.get_by_role("button", name="Stop").click()
        expect(page.get_by_role("dialog")).to_contain_text("Running trials write checkpoints")
        expect(page.get_by_role("dialog")).to_contain_text("A resume continues from there")
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
        assert watched.missed == []
        watched.close()


def test_a_running_trial_is_followed_epoch_by_epoch(context: BrowserContext, tmp_path: Path) -> None:
    with written(tmp_path) as run, serving(ServiceSettings(place_in(tmp_path)), tmp_path) as client:
        run.begin()
        watched = Watched(context, client.base_url)
        page = watched.open("#/runs/demo/tasks/1/trials/0")
        learning, curve = section(page, "Learning"), section(page, "Threshold curve")
        nothing = "There is nothing to draw: no epoch has ended yet."
        expect(learning).to_contain_text(nothing)
        expect(section(page, "Output")).to_contain_text("The trial has not begun, so there is no output.")
        assert watched.missed == []
        run.store.trial_started(run.lease, 1, 0, "ray-0", "", "")
        expect(page.locator(".title-row .state")).to_have_text("running")
        for number in (1, 2):
            run.store.trial_epochs(run.lease, 1, 0, [epoch(number)])
            expect(learning).to_contain_text(f"{number} epoch{'' if number == 1 else 's'} in numbers")
            expect(page.locator(".numbers")).to_contain_text(f"{number} of 3")
        drawn(learning)
        expect(curve).to_contain_text("the threshold curve is measured when the training has ended")

        run.store.release_trials(run.lease, 1)
        expect(learning).to_contain_text("Attempt 1 was interrupted here.")
        run.store.trial_started(run.lease, 1, 0, "ray-0.2", "", "")
        expect(learning).to_contain_text(nothing)
        expect(learning.locator(".figure-stage")).to_be_hidden()
        run.store.trial_epochs(run.lease, 1, 0, [epoch(1)])
        expect(learning).to_contain_text("1 epoch in numbers")
        assert [url for url in watched.missed if "/output" not in url] == []
        watched.close()


def test_the_trials_of_a_task_show_their_epochs(context: BrowserContext, tmp_path: Path) -> None:
    with written(tmp_path) as run, serving(ServiceSettings(place_in(tmp_path)), tmp_path) as client:
        run.begin()
        run.store.trial_started(run.lease, 1, 1, "ray-1", "", "")
        run.store.trial_epochs(run.lease, 1, 1, [epoch(1, 100)])
        watched = Watched(context, client.base_url)
        page = watched.open("#/runs/demo/tasks/1")
        row = section(page, "Trials").get_by_role("row").filter(has_text="running")
        expect(row).to_contain_text("epoch 1 of 3, 50.00 % on validation")
        expect(page.locator(".run-progress")).to_contain_text("Training the trials of task 1")
        run.store.trial_epochs(run.lease, 1, 1, [epoch(2, 150)])
        expect(row).to_contain_text("epoch 2 of 3, 75.00 % on validation")
        run.finish(0)
        assert watched.missed == []
        watched.close()


def test_a_driver_that_was_started_here_is_starting_until_it_holds_the_run(context: BrowserContext, tmp_path: Path) -> None:
    jobs, now = JobFolder(tmp_path / ".clnp" / "jobs"), datetime.now(UTC)
    with written(tmp_path) as run, serving(ServiceSettings(place_in(tmp_path), token=TOKEN), tmp_path) as client:
        run.let_go()
        watched = Watched(context, client.base_url)
        page = watched.open("#/runs/demo")
        state = page.locator(".title-row .state")
        expect(state).to_have_text("stopped")
        name, _ = jobs.new()
        jobs.keep(JobRecord(name, "demo", "resume", JobKind.PROCESS, now + timedelta(hours=1), (), this_host(), os.getpid(),
                            started_of(os.getpid())))
        page.reload()
        expect(state).to_have_text("starting")
        expect(page.locator(".run-progress")).to_contain_text("Starting the driver")
        run.store.acquire_lease("demo", this_owner(), 60.0)
        expect(state).to_have_text("running")
        watched.close()


def test_seeds_are_shown_to_the_last_digit(context: BrowserContext, tmp_path: Path) -> None:
    seed = 8640283839209618424
    with written(tmp_path, seed=seed) as run, serving(ServiceSettings(place_in(tmp_path)), tmp_path) as client:
        planned = [PlannedTrial(0, "key", (1e-4, 1e-4, 1e-6), 0.01, seed + 1)]
        driver = Driver(run.store, run.lease)
        run.store.begin_sweep(run.lease, 1, facts(), ARCHITECTURE, None, planned)
        driver.start(0)
        watched = Watched(context, client.base_url)
        page = watched.open("#/runs/demo")
        expect(page.locator(".numbers")).to_contain_text(str(seed))
        section(page, "Environment and config").get_by_text("Config", exact=True).click()
        expect(page.get_by_label("Config of the run")).to_contain_text(f"\nseed: {seed}\n")
        watched.open("#/runs/demo/tasks/1/trials/0")
        expect(section(page, "Facts")).to_contain_text(str(seed + 1))
        parsed = page.evaluate("""async () => (await import('./exact_json.js')).parseExactly(
            '{"seed": 8640283839209618424, "text": "a \\\\" 8640283839209618424", "small": 12, "part": 0.1234567890123456}')""")
        assert parsed == {"seed": str(seed), "text": f'a " {seed}', "small": 12, "part": 0.1234567890123456}
        watched.close()


def test_times_name_the_zone_of_who_looks(browser: Browser, tmp_path: Path) -> None:
    away = browser.new_context(timezone_id="Asia/Kolkata")
    with written(tmp_path), serving(ServiceSettings(place_in(tmp_path)), tmp_path) as client:
        watched = Watched(away, client.base_url)
        page = watched.open("#/runs/demo")
        expect(page.locator(".subtitle time")).to_have_text(re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d GMT\+5:30$"))
        expect(page.get_by_role("log").locator("time").first).to_have_text(re.compile(r" \d\d:\d\d:\d\d GMT\+5:30$"))
        away.set_offline(True)
        expect(page.locator("#banner")).to_contain_text(re.compile(r"Connection lost at \d\d:\d\d:\d\d GMT\+5:30\."))
        away.set_offline(False)
        watched.close()
    away.close()


@pytest.mark.parametrize("method", [method for method in Method if method is not Method.JOINT])
def test_a_task_shows_what_it_reaches_now_and_other_methods_than_clnp_no_margin(context: BrowserContext, tmp_path: Path,
                                                                               method: Method) -> None:
    fallen = (TaskResult(1, 126, 300, "logits-1", 90, 100), TaskResult(2, 288, 300, "logits-2", 90, 100))
    proof = {} if method is Method.CLNP else {"verification": {"method": method.value}}
    with written(tmp_path, method=method) as run, serving(ServiceSettings(place_in(tmp_path)), tmp_path) as client:
        driver = Driver(run.store, run.lease)
        for task, cells in ((1, {}), (2, {"evaluations": fallen})):
            driver.select(task)
            run.store.record_commit(run.lease, task, commit(task, **proof, **cells))
        watched = Watched(context, client.base_url)
        page = watched.open("#/runs/demo")
        expect(page.get_by_role("link", name=re.compile("^Task 1, committed, .* test accuracy 42.00 %, 96.33 % when learnt$"))
               ).to_be_visible()
        expect(page.get_by_role("link", name=re.compile("^Task 2, committed, .* test accuracy 96.00 %$"))).to_be_visible()
        second = section(page, "Commits").get_by_role("row").nth(2)
        expect(second).to_contain_text("96.00 %")
        expect(second).to_contain_text("69.00 %")
        seen = expect(section(page, "Capacity")), expect(section(page, "What if: another margin"))
        for each in seen:
            each.to_be_visible() if method.divides_the_network else each.to_be_hidden()
        assert ("Margin" in page.locator(".numbers").inner_text()) is method.divides_the_network
        page = watched.open("#/runs/demo/tasks/1")
        expect(section(page, "Selection")).to_contain_text("Trial 1 was chosen")
        assert ("argin of" in section(page, "Selection").inner_text()) is method.divides_the_network
        seen = expect(section(page, "Accuracy against sparsity")), expect(section(page, "What if: another margin"))
        for each in seen:
            each.to_be_visible() if method.divides_the_network else each.to_be_hidden()
        headers = section(page, "Trials").get_by_role("columnheader").all_inner_texts()
        assert ("Pruned" in headers) is method.divides_the_network
        page = watched.open("#/runs/demo/tasks/1/trials/0")
        expect(section(page, "Learning")).to_contain_text("1 epoch in numbers")
        curve = expect(section(page, "Threshold curve"))
        curve.to_be_visible() if method.divides_the_network else curve.to_be_hidden()
        watched.close()


def test_a_task_shows_its_fine_tuning_and_the_candidates_of_its_search(context: BrowserContext, tmp_path: Path) -> None:
    rounds = (FineTuningRound(1, (0.25, None), 190, 12, 3, 20, 196, 1.5, 2),)
    with written(tmp_path) as run, serving(ServiceSettings(place_in(tmp_path)), tmp_path) as client:
        driver = Driver(run.store, run.lease)
        driver.select(1)
        run.store.record_commit(run.lease, 1, commit(1, val_correct=1979, val_total=2000, fine_tuning=rounds, search=SEARCH))
        driver.select(2)
        run.store.record_commit(run.lease, 2, commit(2))
        watched = Watched(context, client.base_url)
        page = watched.open("#/runs/demo/tasks/1")
        tuning = section(page, "Fine-tuning")
        expect(tuning).to_contain_text("Distilled from 2 teachers.")
        expect(tuning).to_contain_text("Of 3 candidates the sparsest within the margin is cut 1.")
        expect(tuning.get_by_role("row").filter(has_text="64 / 28")).to_contain_text("committed")
        drawn(tuning)
        page = watched.open("#/runs/demo/tasks/2")
        expect(section(page, "Selection")).to_contain_text("was chosen")
        expect(section(page, "Fine-tuning")).to_be_hidden()
        watched.close()


def test_joint_training_is_one_task_with_the_mean_over_all(context: BrowserContext, tmp_path: Path) -> None:
    cells = (TaskResult(1, 270, 300, "logits-1", 90, 100), TaskResult(2, 288, 300, "logits-2", 90, 100))
    with written(tmp_path, method=Method.JOINT) as run, serving(ServiceSettings(place_in(tmp_path)), tmp_path) as client:
        driver = Driver(run.store, run.lease)
        run.store.begin_sweep(run.lease, 2, facts(), ARCHITECTURE, None, grid(3, "key"))
        for number in range(3):
            driver.finish(number, 2)
        run.store.end_sweep(run.lease, 2)
        run.store.record_selection(run.lease, 2, selection(), verdicts())
        run.store.record_commit(run.lease, 2, commit(2, parent_digest=None, evaluations=cells,
                                                     verification={"method": "joint"}))
        watched = Watched(context, client.base_url)
        page = watched.open("#/runs/demo")
        expect(page.get_by_role("link", name=re.compile("^Tasks 1 to 2, committed, .* test accuracy 93.00 %$"))).to_be_visible()
        expect(section(page, "Commits").get_by_role("row").nth(1)).to_contain_text("93.00 %")
        watched.close()


def test_what_data_says_is_text_and_never_markup(context: BrowserContext, tmp_path: Path) -> None:
    with written(tmp_path) as run, serving(ServiceSettings(place_in(tmp_path)), tmp_path) as client:
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
    with serving(ServiceSettings(place), tmp_path) as client:
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
