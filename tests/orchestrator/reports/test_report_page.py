"""The page in a real browser: it draws every figure, asks nobody for anything, and fits a telephone."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from db.reads.reads import Reads
from orchestrator.reports.report import ReportFormat, write_report

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
QUIET = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless browser."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser is installed ({', '.join(BROWSERS)})")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=list(QUIET))
        yield started
        started.close()


def _scroll_through(page: Page) -> None:
    """Every figure comes near the screen once, and is drawn."""
    for figure in page.locator("figure").all():
        figure.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelectorAll('figure.drawn').length === document.querySelectorAll('figure').length")


def test_it_draws_asks_nobody_and_fits(reads: Reads, tmp_path: Path, browser: Browser) -> None:
    write_report(reads, "tiny", tmp_path, (ReportFormat.HTML,))
    address = (tmp_path / "report.html").as_uri()
    for width, scheme in ((1280, "light"), (390, "dark")):
        context = browser.new_context(viewport={"width": width, "height": 900},
                                      color_scheme="dark" if scheme == "dark" else "light")
        page, wrong = context.new_page(), list[str]()
        page.on("console", lambda message, wrong=wrong: wrong.append(message.text))
        page.on("pageerror", lambda error, wrong=wrong: wrong.append(str(error)))
        page.on("request", lambda request, wrong=wrong: None if request.url.startswith((address, "data:", "blob:"))
                else wrong.append(request.url))
        page.goto(address)
        _scroll_through(page)
        assert page.locator("figure.drawn").count() == 8 and wrong == []
        assert page.evaluate("document.documentElement.scrollWidth") == width
        page.emulate_media(media="print")
        assert page.locator(".live").first.is_hidden() and page.locator(".still").first.is_visible()
        context.close()


def test_without_scripts_images_stand_for_figures(reads: Reads, tmp_path: Path, browser: Browser) -> None:
    write_report(reads, "tiny", tmp_path, (ReportFormat.HTML,))
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((tmp_path / "report.html").as_uri())
    images = page.locator(".still")
    assert images.count() == 8 and images.first.is_visible()
    assert (images.first.bounding_box() or {"width": 0})["width"] > 300
    context.close()
