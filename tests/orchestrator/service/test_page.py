"""The page in a real browser: a recorded run is opened, clicked through and read."""

import re

from playwright.sync_api import Page, expect

from tests.orchestrator.service.browsing import Watched, drawn, section
from tests.orchestrator.service.conftest import TOKEN

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
    expect(trials).to_contain_text("No trial matches these filters.")
    watched.open("#/?name=nothing+like+it")
    expect(page.locator("main")).to_contain_text("No run matches these filters.")
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
    asked = section(page, "What if: another margin")
    asked.get_by_label("Margin, percentage points").fill("much")
    asked.get_by_role("button", name="Show what it would choose").click()
    expect(asked.get_by_role("alert")).to_contain_text("The margin 'much' is not a number from 0 to 100")
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
    expect(page.get_by_role("heading", level=1)).to_have_text("Not found")


def test_a_token_lets_one_launch_and_all_mistakes_are_told(watched: Watched) -> None:
    page = watched.open("#/launch")
    expect(page.locator("main")).to_contain_text("Launching requires the service's token.")
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
