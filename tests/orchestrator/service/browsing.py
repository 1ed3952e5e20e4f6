"""Looking at the page in a real browser: a page that remembers what went wrong in it, and where to look on it."""

import httpx
from playwright.sync_api import BrowserContext, Locator, Page, expect

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync")
MILLISECONDS = 30_000
"""How long anything may take to be seen; nothing waits that long but a failure."""


class Watched:
    """A page that remembers what went wrong in it: errors of scripts, what the policy refused, requests to other hosts; and
    what it asked for that is not there."""

    def __init__(self, context: BrowserContext, base: httpx.URL) -> None:
        self.base, self.wrong, self.missed = str(base).rstrip("/"), list[str](), list[str]()
        self.page: Page = context.new_page()
        self.page.set_default_timeout(MILLISECONDS)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", lambda message: self.wrong.append(message.text) if message.type == "error" and not
                     message.text.startswith("Failed to load resource") else None)
        self.page.on("response", lambda answer: self.missed.append(answer.url) if answer.status == 404 else None)
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
