"""The page in a real browser: the system's Chromium, headless, on a recorded run and on one that moves on."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from orchestrator.service.settings import Settings
from tests.orchestrator.cli.conftest import written
from tests.orchestrator.service.conftest import place_in, serving

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]

pytestmark = [pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
              pytest.mark.filterwarnings("ignore::ResourceWarning")]  # Playwright leaves its event loop to the collector


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


def complains(message: ConsoleMessage) -> bool:
    """An error on the console; that a trial printed nothing is an answer (404), which the browser also writes there."""
    return message.type == "error" and not message.location["url"].endswith("/output")


@pytest.fixture
def page(browser: Browser, service: httpx.Client) -> Iterator[Page]:
    """A fresh page, which must not complain and must ask nobody but the service."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    complaints: list[str] = []
    asked: set[str] = set()
    opened.on("console", lambda message: complaints.append(message.text) if complains(message) else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", lambda request: asked.add(httpx.URL(request.url).host))
    yield opened
    context.close()
    assert complaints == []
    assert asked <= {"127.0.0.1", ""}


def test_from_the_runs_to_a_trial(page: Page, service: httpx.Client) -> None:
    page.goto(str(service.base_url))
    page.get_by_role("link", name="tiny", exact=True).first.click()
    expect(page.get_by_text("Zero forgetting verified")).to_be_visible()
    expect(page.locator("main canvas, main svg.marks").first).to_be_visible()
    page.get_by_role("link", name="Task 1").first.click()
    expect(page.get_by_text("was chosen")).to_be_visible()
    chosen = service.get("/api/v1/runs/tiny/stages/1/selection").json()["chosen"]
    expect(page.get_by_text("sparsest within the margin").first).to_be_visible()
    page.get_by_role("link", name=str(chosen), exact=True).first.click()
    expect(page.locator("main canvas, main svg.marks").nth(1)).to_be_visible()
    expect(page.get_by_text("chosen").first).to_be_visible()


@pytest.mark.parametrize("route", ["", "#/runs/tiny", "#/runs/tiny/tasks/1", "#/runs/tiny/tasks/1/trials/0"])
def test_it_fits_on_a_phone(page: Page, service: httpx.Client, route: str) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(f"{service.base_url}/{route}".replace("//#", "/#"))
    expect(page.locator("main h1").first).to_be_visible()
    page.wait_for_load_state("networkidle") if not route else page.wait_for_timeout(500)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_it_follows_a_run_that_moves_on(browser: Browser, tmp_path: Path) -> None:
    with written(tmp_path) as run:
        run.begin()
        with serving(Settings(place_in(tmp_path)), tmp_path) as service:
            page = browser.new_page()
            page.goto(f"{service.base_url}#/runs/demo".replace("#", "/#").replace("//#", "/#"))
            expect(page.get_by_text("0 / 3 trials").first).to_be_visible()
            run.finish(0)
            expect(page.get_by_text("1 / 3 trials").first).to_be_visible(timeout=15_000)
            page.close()
