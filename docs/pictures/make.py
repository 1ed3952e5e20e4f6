"""Takes the pictures of the page that the documents show, of a run that is recorded:

    cd FOLDER_WITH_A_DOT_CLNP && python /PATH/TO/docs/pictures/make.py demo

It serves the database of the working folder (or the one CLNP_DB_URL names) for as long as it takes, opens the page in the
system's Chromium, and writes page-runs, page-run, page-stage, page-stage-dark, page-trial and page-phone beside itself. It
needs Playwright, which is among the packages for development.
"""

import shutil
import sys
import threading
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from orchestrator.runs.location import Place
from orchestrator.service.app import create_app
from orchestrator.service.server import listen, server
from orchestrator.service.settings import ServiceSettings

HERE = Path(__file__).parent
TASK, TRIAL = 2, 3


def shoot(browser: Browser, address: str, name: str, size: tuple[int, int], figures: int, dark: bool = False) -> None:
    """One picture.

    Args:
        browser: that takes it.
        address: what it shows.
        name: of the file, without its ending.
        size: width and height of the window, in CSS pixels.
        figures: so many must be drawn first.
        dark: the theme.
    """
    page = browser.new_page(viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if dark else "light")
    page.goto(address)
    page.locator("main h1").first.wait_for()
    if figures:
        page.locator(".figure-stage > div:not(.figure-next) :is(svg, canvas)").nth(figures - 1).wait_for()
    else:
        page.locator("tbody tr").first.wait_for()
    page.evaluate("document.getElementById('foot').hidden = true")  # names the database of whoever takes the picture
    page.wait_for_timeout(500)
    page.screenshot(path=HERE / f"{name}.png")
    page.close()


def main(run: str) -> None:
    """Take all of them.

    Args:
        run: the run to show, with at least two tasks of four trials.
    """
    app = create_app(ServiceSettings(Place.of()))
    with listen("127.0.0.1", 0) as (socket, base):
        running = server(app)
        thread = threading.Thread(target=running.run, args=([socket],))
        thread.start()
        while not running.started and thread.is_alive():
            time.sleep(0.05)
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=shutil.which("chromium") or shutil.which("google-chrome"),
                                                     args=["--no-sandbox", "--disable-gpu"])
                task = f"{base}#/runs/{run}/tasks/{TASK}"
                shoot(browser, base, "page-runs", (1280, 420), 0)
                shoot(browser, f"{base}#/runs/{run}", "page-run", (1280, 1060), 2)
                shoot(browser, task, "page-stage", (1280, 960), 1)
                shoot(browser, task, "page-stage-dark", (1280, 960), 1, dark=True)
                shoot(browser, f"{task}/trials/{TRIAL}", "page-trial", (1280, 860), 2)
                shoot(browser, f"{base}#/runs/{run}", "page-phone", (390, 844), 1)
                browser.close()
        finally:
            running.should_exit = True
            thread.join()


if __name__ == "__main__":
    main(sys.argv[1])
