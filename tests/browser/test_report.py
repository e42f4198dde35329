"""The page of `tfbo report`, opened from disk."""

import math
import subprocess
import sys
from typing import NamedTuple

import pytest

import tfbo

pytest.importorskip("tfbo.report")
pytest.importorskip("matplotlib")

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# Names and choices that would break a page that did not escape them.
NAME = 'a<b> & "c"'
SPACE = tfbo.Space(
    {
        "learning_rate": tfbo.Float(1e-4, 1e-1, log=True),
        "units": tfbo.Int(16, 128, step=16),
        "<i>kind</i>": tfbo.Categorical(["<script>alert(1)</script>", "relu", None]),
        "use_dropout": tfbo.Boolean(),
        "dropout": tfbo.Float(0.1, 0.6, when={"use_dropout": True}),
    }
)


def objective(params):
    if params["units"] > 112:
        raise ValueError("<img src=x onerror=alert(2)>")
    return math.log10(params["learning_rate"]) ** 2 + params["units"] / 100


class Report(NamedTuple):
    study: tfbo.Study
    url: str


@pytest.fixture(scope="module")
def report(driver, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    runs, path = folder / "runs.db", folder / "report.html"
    study = tfbo.Study(SPACE, storage=runs, name=NAME, seed=0, strategy=tfbo.strategies.Random())
    study.optimize(objective, n_trials=16)
    assert {trial.state for trial in study.trials} == {"complete", "failed"}
    command = [sys.executable, "-m", "tfbo", "report", str(runs), NAME, "-o", str(path)]
    made = subprocess.run(command, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    return Report(study, path.as_uri())


def column(page, index):
    """What the table of trials has in a column, from top to bottom."""
    script = "return all('#trials tbody tr').map(row => row.cells[arguments[0]].textContent.trim())"
    return page.run(script, index)


def headers(page):
    return page.texts("#trials th")


def test_the_page_is_whole_without_a_network(page, picture, report):
    page.goto(report.url)
    picture("report")
    assert page.errors() == []
    assert {url.partition(":")[0] for url in page.fetched()} <= {"file", "data", "blob"}
    sources = page.run("return all('img').map(e => [e.src.slice(0, 5), e.naturalWidth])")
    assert len(sources) + page.drawn("svg") >= 5
    assert all(source == "data:" and width > 100 for source, width in sources)


def test_names_of_the_user_are_text(page, report):
    page.goto(report.url)
    assert NAME in page.texts("h1")[0] + page.driver.title
    assert any("<i>kind</i>" in header for header in headers(page))
    assert page.run("return all('#trials script, #trials i, #trials img').length") == 0


def test_every_trial_is_in_the_table(page, report):
    page.goto(report.url)
    shown = dict(zip(map(int, column(page, 0)), column(page, 1), strict=True))
    values = {trial.number: trial.value for trial in report.study.trials}
    assert {number: float(text) for number, text in shown.items() if text} == pytest.approx(
        {number: value for number, value in values.items() if value is not None}, rel=1e-4
    )
    assert {number for number, text in shown.items() if not text} == {
        number for number, value in values.items() if value is None
    }


@pytest.mark.parametrize("name", ["value", "units"])
def test_a_click_on_a_header_sorts(page, report, name):
    page.goto(report.url)
    (index,) = [i for i, header in enumerate(headers(page)) if header.split()[0].lower() == name]
    click = "all('#trials th')[arguments[0]].click()"
    orders = []
    for _ in range(2):
        page.run(click, index)
        cells = [cell for cell in column(page, index) if cell.replace(".", "").isdigit()]
        assert len(cells) > 8
        orders.append([float(cell) for cell in cells])
    assert orders[0] == sorted(orders[0], reverse=orders[0][0] > orders[0][-1])
    assert orders[1] == orders[0][::-1]
    assert orders[0][0] != orders[0][-1]
    assert page.errors() == []


@pytest.fixture
def emulate(driver):
    """Shows pages in a window of 1280 pixels, with the colours that a user prefers."""

    def emulated(scheme):
        size = {"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    yield emulated
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_the_page_and_its_table_fit_1280_pixels(page, picture, report, emulate):
    emulate("light")
    page.goto(report.url)
    picture("report-1280")
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")
    assert page.run("return all('.wide')[0].scrollWidth <= all('.wide')[0].clientWidth")


CONTRAST = """
function luminance(colour) {
  const [r, g, b] = colour.match(/[\\d.]+/g).map(c => {
    const s = c / 255;
    return s <= 0.04045 ? s / 12.92 : Math.pow((s + 0.055) / 1.055, 2.4);
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function behind(element) {
  const colour = getComputedStyle(element).backgroundColor;
  return colour !== 'rgba(0, 0, 0, 0)' ? colour : behind(element.parentElement);
}
return all(arguments[0]).map(element => {
  const levels = [getComputedStyle(element).color, behind(element)].map(luminance).sort();
  return (Math.max(...levels) + 0.05) / (Math.min(...levels) + 0.05);
});
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_can_be_read_by_day_and_by_night(page, picture, report, emulate, scheme):
    emulate(scheme)
    page.goto(report.url)
    picture(f"report-{scheme}")
    red, _, _ = page.run(
        "return getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/g)"
    )
    assert (int(red) > 200) == (scheme == "light")
    for selector in ("p", "dt", "dd", "figcaption", "th", "td", "pre", "summary", "footer"):
        contrasts = page.run(CONTRAST, selector)
        assert contrasts and min(contrasts) >= 4.5, (selector, min(contrasts))
    # Pictures keep their colours, of which captions speak, and have white below them.
    assert set(page.run("return all('img').map(e => getComputedStyle(e).backgroundColor)")) == {
        "rgb(255, 255, 255)"
    }
