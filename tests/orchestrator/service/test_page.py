"""The page in a real browser: a recorded run is opened, clicked through and read, and one that moves on is followed."""

import gc
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from benchmarks.bench_queries import RUN, fill, val_correct
from db.session import open_database
from db.states import FailureKind
from orchestrator.service.settings import Settings
from tests.orchestrator.cli.conftest import written
from tests.orchestrator.service.conftest import TOKEN, place_in, serving

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync")
MILLISECONDS = 10_000
"""How long anything may take to be seen; nothing waits that long but a failure."""

LONG_MILLISECONDS = 120_000
"""The same where 10,000 trials are read and drawn for the first time."""

MIDDLE_OF_ORANGE = """canvas => {
  const {width, height} = canvas, {data} = canvas.getContext('2d').getImageData(0, 0, width, height);
  let [n, x, y] = [0, 0, 0];
  for (let at = Math.ceil(height * 0.12) * width * 4; at < data.length; at += 4) {
    if (data[at] < 200 || data[at + 2] > 60 || data[at + 3] < 200) continue;
    [n, x, y] = [n + 1, x + at / 4 % width, y + Math.floor(at / 4 / width)];
  }
  const scale = canvas.clientWidth / width;
  return {x: x / n * scale, y: y / n * scale};
}"""
"""Where the chosen trial is drawn, below the legend that shows its mark as well."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One headless browser for all tests here."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser is installed ({', '.join(BROWSERS)})")
    expect.set_options(timeout=MILLISECONDS)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=list(QUIET))
        yield started
        started.close()
    gc.collect()  # what Playwright leaves to the collector goes here, and not in a test of something else


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """What most tests share: the files of the page, once loaded. Tabs have tokens of their own."""
    shared = browser.new_context(viewport={"width": 1280, "height": 900})
    yield shared
    shared.close()


class Watched:
    """A page that remembers what went wrong in it: errors of scripts, what the policy refused, requests to other hosts."""

    def __init__(self, context: BrowserContext, base: httpx.URL) -> None:
        self.base, self.wrong = str(base).rstrip("/"), list[str]()
        self.page: Page = context.new_page()
        self.page.set_default_timeout(MILLISECONDS)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", lambda message: self.wrong.append(message.text) if message.type == "error" and not
                     message.text.startswith("Failed to load resource") else None)
        self.page.on("request", lambda request: None if request.url.startswith((self.base, "blob:", "data:"))
                     else self.wrong.append(request.url))

    def open(self, address: str) -> Page:
        """Go to an address of the page."""
        self.page.goto(f"{self.base}/{address}")
        return self.page

    def close(self) -> None:
        """Close it; nothing may have gone wrong."""
        self.page.close()
        assert self.wrong == []


@pytest.fixture
def watched(context: BrowserContext, acting: httpx.Client) -> Iterator[Watched]:
    """A page of the service with a token over the run ``tiny``, which the page does not hold."""
    opened = Watched(context, acting.base_url)
    yield opened
    opened.close()


def section(page: Page, title: str) -> Locator:
    """A part of a view, by its heading."""
    return page.get_by_role("region", name=title, exact=True)


def drawn(figure: Locator) -> None:
    """A figure shows more than its frame."""
    marks = figure.locator("svg path, svg rect")
    expect(figure.locator(".figure-stage > div:not(.figure-next) :is(svg, canvas)")).to_be_visible()
    if figure.locator("svg").count():
        assert marks.count() > 5
    else:  # the canvas of a figure: some of its pixels are in colour
        assert figure.locator("canvas").evaluate(
            "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data"
            ".some((value, at, all) => at % 4 === 0 && Math.abs(value - all[at + 2]) > 60 && all[at + 3] > 100)")


def test_from_all_runs_to_one_trial_by_clicks(watched: Watched) -> None:
    page = watched.open("")
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="tiny", exact=True))
    expect(row).to_contain_text("completed")
    expect(row).to_contain_text("2 / 2 tasks · 4 / 4 trials")
    expect(row).to_contain_text("permuted-digits")
    row.get_by_role("link", name="tiny").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("tiny")
    expect(page.locator(".claim")).to_contain_text("Zero forgetting verified: after both commits")
    expect(page).to_have_title("tiny · clnp")
    drawn(section(page, "Test accuracy"))
    drawn(section(page, "Capacity"))
    section(page, "Test accuracy").get_by_text("Test accuracy in numbers").click()
    expect(section(page, "Test accuracy").get_by_role("row")).to_have_count(3)
    expect(section(page, "Commits").get_by_role("button", name=re.compile("Copy the digest"))).to_have_count(2)
    expect(page.get_by_role("log")).to_contain_text("created with 2 tasks")
    page.get_by_role("link", name=re.compile(r"Task 2, committed, 2 of 2 trials, test accuracy \d\d\.\d\d %")).click()

    expect(section(page, "Selection")).to_contain_text("was chosen: sparsest within the margin:")
    drawn(section(page, "Accuracy against sparsity"))
    expect(section(page, "Accuracy against sparsity").get_by_text("A click on a point opens its trial.")).to_be_visible()
    trials = section(page, "Trials").get_by_role("row")
    expect(trials).to_have_count(3)
    trials.filter(has_text="chosen").get_by_text("chosen").click()

    expect(page).to_have_url(re.compile(r"#/runs/tiny/tasks/2/trials/\d$"))
    expect(page.locator(".verdict-line")).to_contain_text("Sparsest within the margin:")
    drawn(section(page, "Threshold curve"))
    drawn(section(page, "Learning"))
    section(page, "Learning").get_by_text("3 epochs in numbers").click()
    expect(section(page, "Learning").get_by_role("row")).to_have_count(4)
    page.get_by_role("navigation", name="Where you are").get_by_role("link", name="Task 2").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Task 2 of tiny")


def test_a_point_of_the_figure_opens_its_trial(watched: Watched) -> None:
    page = watched.open("#/runs/tiny/tasks/1")
    canvas = section(page, "Accuracy against sparsity").locator(".figure-stage > div:not(.figure-next) canvas")
    expect(canvas).to_be_visible()
    canvas.scroll_into_view_if_needed()
    place = canvas.evaluate(MIDDLE_OF_ORANGE)
    canvas.click(position=place)
    expect(page.locator(".verdict-line")).to_contain_text("chosen")


def test_filters_and_order_stay_in_the_address(watched: Watched) -> None:
    page = watched.open("#/runs/tiny/tasks/1")
    trials = section(page, "Trials")
    trials.get_by_role("button", name="Validation").click()
    expect(trials.get_by_role("columnheader", name="Validation")).to_have_attribute("aria-sort", "descending")
    trials.get_by_label("Verdict").select_option("chosen")
    expect(trials.get_by_role("row")).to_have_count(2)
    expect(page).to_have_url(re.compile(r"\?sort=-val_accuracy&verdict=chosen$"))
    page.reload()
    expect(trials.get_by_role("row")).to_have_count(2)
    expect(trials.get_by_label("Verdict")).to_have_value("chosen")
    trials.get_by_label("State").select_option("failed")
    expect(trials).to_contain_text("No trial fits these filters.")
    watched.open("#/?name=nothing+like+it")
    expect(page.locator("main")).to_contain_text("No run fits these filters.")
    page.get_by_role("button", name="Show all runs").click()
    expect(page.get_by_role("link", name="tiny", exact=True)).to_be_visible()


def test_by_keyboard_alone(watched: Watched) -> None:
    page = watched.open("#/runs/tiny")
    first = page.get_by_role("link", name=re.compile("^Task 1,"))
    expect(first).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(first).to_be_focused()
    assert first.evaluate("link => getComputedStyle(link).outlineStyle") == "solid"
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("link", name=re.compile("^Task 2,"))).to_be_focused()
    page.keyboard.press("Home")
    expect(first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Task 1 of tiny")
    expect(page.locator("main")).to_be_focused()


def test_nothing_is_wider_than_a_phone(watched: Watched) -> None:
    watched.page.set_viewport_size({"width": 390, "height": 800})
    for address, last in (("#/", "Launch a run"), ("#/runs/tiny", "Environment and config"), ("#/runs/tiny/tasks/2", "Trials"),
                          ("#/runs/tiny/tasks/2/trials/0", "Learning"), ("#/launch", "Launch a run"), ("#/jobs", "Jobs")):
        page = watched.open(address)
        expect(page.get_by_text(last, exact=True).first).to_be_visible()
        if "runs" in address:
            expect(page.locator(".figure-stage > div:not(.figure-next) :is(svg, canvas)").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == 390, address


def test_dark_and_light_and_the_figures_with_them(watched: Watched) -> None:
    watched.page.emulate_media(color_scheme="dark")
    page = watched.open("#/runs/tiny")
    label = section(page, "Capacity").locator(".figure-stage > div:not(.figure-next) svg text").first
    expect(label).to_be_visible()
    dark, dark_words = brightness(page, "backgroundColor"), label.get_attribute("fill")
    assert dark < 60 < 180 < brightness(page, "color")
    switch = page.get_by_role("button", name=re.compile("Theme"))
    switch.click()
    expect(switch).to_have_attribute("aria-label", "Theme: light")
    assert brightness(page, "backgroundColor") > 230
    expect(label).not_to_have_attribute("fill", str(dark_words))
    page.reload()
    assert brightness(page, "backgroundColor") > 230
    page.evaluate("localStorage.clear()")


def brightness(page: Page, what: str) -> float:
    """The mean of a colour of the page's body, 0 to 255."""
    colour = page.evaluate(f"getComputedStyle(document.body).{what}")
    parts = [float(part) for part in re.findall(r"[\d.]+", colour)[:3]]
    return sum(parts) / 3


def test_what_another_margin_would_choose(watched: Watched) -> None:
    page = watched.open("#/runs/tiny/tasks/1")
    asked = section(page, "What if the margin were another?")
    asked.get_by_label("Margin, percentage points").fill("much")
    asked.get_by_role("button", name="Show what it would choose").click()
    expect(asked.get_by_role("alert")).to_contain_text("The margin 'much' is no number from 0 to 100")
    expect(asked.get_by_role("alert")).to_contain_text("for example 0.5")
    asked.get_by_label("Margin, percentage points").fill("0,1")
    asked.get_by_role("button", name="Show what it would choose").click()
    expect(asked.get_by_role("row").nth(1)).to_contain_text("trial")
    expect(asked.locator(".consequence")).to_contain_text("0.1 percentage points")


def test_what_is_not_there_says_so(watched: Watched) -> None:
    page = watched.open("#/runs/nobody")
    expect(page.get_by_role("main").get_by_role("alert")).to_contain_text("nobody")
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    watched.open("#/somewhere/else")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here")


def test_a_token_lets_one_launch_and_all_mistakes_are_told(watched: Watched) -> None:
    page = watched.open("#/launch")
    expect(page.locator("main")).to_contain_text("Launching needs the service's token.")
    page.get_by_role("button", name="Token").click()
    page.get_by_label("Token", exact=True).fill("no-token-of-this-service")
    page.get_by_role("button", name="Use this token").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_have_text("The token is wrong.")
    expect(page.locator("#token")).to_have_text("Token")
    page.get_by_label("Token", exact=True).fill(TOKEN)
    page.get_by_role("button", name="Use this token").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator("#token")).to_have_text("Token set")
    page.get_by_label("Config (YAML)").fill("benchmark: {name: permuted-digit}\ntraining: {epochs: 0}\n")
    page.get_by_role("button", name="Launch", exact=True).click()
    wrong = page.get_by_role("main").get_by_role("alert")
    expect(wrong).to_contain_text("permuted-digits")
    expect(wrong).to_contain_text("training.epochs")
    assert TOKEN not in page.url and page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 1]


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
