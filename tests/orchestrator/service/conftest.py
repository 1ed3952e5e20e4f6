"""A real server on the database of the run ``tiny``, which was launched by a real command."""

import gc
import shutil
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from orchestrator.runs.location import Place
from orchestrator.service.app import create_app
from orchestrator.service.server import listen, server
from orchestrator.service.settings import ServiceSettings
from tests.orchestrator.cli.conftest import Recorded, recorded
from tests.orchestrator.service.browsing import BROWSERS, MILLISECONDS, QUIET, Watched

__all__ = ["recorded"]

TOKEN = "a-token-for-tests-0123456789"
HOLDER = {"Authorization": f"Bearer {TOKEN}"}


def place_in(folder: Path) -> Place:
    """The database and the store of a folder in which a run was launched."""
    return Place.of(f"sqlite:///{folder}/.clnp/clnp.db", str(folder / ".clnp" / "artifacts"))


@contextmanager
def serving(settings: ServiceSettings, folder: Path) -> Iterator[httpx.Client]:
    """A client of a real server that was started in a folder. It has ended, streams and all, when the block has."""
    with pytest.MonkeyPatch.context() as there:
        there.chdir(folder)
        app = create_app(settings)
    with listen("127.0.0.1", 0) as (socket, address):
        running = server(app)
        thread = threading.Thread(target=running.run, args=([socket],))
        thread.start()
        while not running.started and thread.is_alive():
            time.sleep(0.01)
        with httpx.Client(base_url=address, timeout=30) as client:  # it outlives the server, as its streams must end first
            try:
                yield client
            finally:
                running.should_exit = True
                thread.join(30)
                if thread.is_alive():
                    pytest.fail("the server has not ended; it is at\n" + "".join(traceback.format_stack(
                        sys._current_frames()[thread.ident or 0])))


@pytest.fixture(scope="session")
def service(recorded: Recorded) -> Iterator[httpx.Client]:
    """A client of a service that only reads."""
    with serving(ServiceSettings(place_in(recorded.folder)), recorded.folder) as client:
        yield client


@pytest.fixture(scope="session")
def acting(recorded: Recorded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client without a token of a service that has one, and a working folder of its own."""
    with serving(ServiceSettings(place_in(recorded.folder), token=TOKEN), tmp_path_factory.mktemp("service")) as client:
        yield client


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One headless browser for all tests of a file."""
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
    """What most tests of a file share: the files of the page, once loaded. Tabs have tokens of their own."""
    shared = browser.new_context(viewport={"width": 1280, "height": 900})
    yield shared
    shared.close()


@pytest.fixture
def watched(context: BrowserContext, acting: httpx.Client) -> Iterator[Watched]:
    """A page of the service with a token over the run ``tiny``, which the page does not hold."""
    opened = Watched(context, acting.base_url)
    yield opened
    opened.close()
