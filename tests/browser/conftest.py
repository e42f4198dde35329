"""Debian's Chromium for tests of what a user sees; they are skipped where it is not installed."""

import base64
import json
import os
import shutil
import time
from pathlib import Path

import pytest

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage",
    "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-extensions", "--window-size=1500,1100",
)  # fmt: skip

# TensorBoard's elements hide their content in shadow roots, which querySelector does not enter.
_LIBRARY = """
function* everything(node) {
  for (const child of node.children) {
    yield child;
    if (child.shadowRoot) yield* everything(child.shadowRoot);
    yield* everything(child);
  }
}
function text(node) {
  if (node.nodeType === Node.TEXT_NODE) return node.textContent;
  if (['STYLE', 'SCRIPT', 'TEMPLATE', 'DOM-IF'].includes(node.tagName)) return '';
  const inner = [...(node.shadowRoot ? node.shadowRoot.childNodes : []), ...node.childNodes];
  return inner.map(text).join(' ').replace(/\\s+/g, ' ').trim();
}
function all(selector) {
  return [...everything(document)].filter(e => e.matches(selector));
}
"""


class Page:
    """What the browser shows."""

    def __init__(self, driver):
        self.driver = driver

    def goto(self, url):
        """Open a page; what is known of earlier ones is dropped."""
        self.driver.get("about:blank")
        for log in ("browser", "performance"):
            self.driver.get_log(log)
        self.driver.get(url)

    def run(self, script, *arguments):
        """What a script returns; it may use the functions above."""
        return self.driver.execute_script(_LIBRARY + script, *arguments)

    def texts(self, selector):
        """Text of every element that fits a CSS selector."""
        return self.run("return all(arguments[0]).map(text)", selector)

    def drawn(self, selector):
        """How many elements that fit a CSS selector take up space on the page."""
        rects = "e.getClientRects().length > 0"
        return self.run(f"return all(arguments[0]).filter(e => {rects}).length", selector)

    def click(self, selector, label):
        """Click the element that has this text."""
        self.run("all(arguments[0]).find(e => text(e) === arguments[1]).click()", selector, label)

    def errors(self):
        """What the page wrote to the console as an error."""
        entries = self.driver.get_log("browser")
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]

    def fetched(self):
        """Every URL that the page asked for, itself included."""
        events = [json.loads(e["message"])["message"] for e in self.driver.get_log("performance")]
        sent = [e["params"] for e in events if e["method"] == "Network.requestWillBeSent"]
        return [params["request"]["url"] for params in sent]


@pytest.fixture(scope="session")
def driver(tmp_path_factory):
    webdriver = pytest.importorskip("selenium.webdriver")
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and chromedriver):
        pytest.skip("needs chromium and chromedriver (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*_FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options, webdriver.ChromeService(chromedriver))
    yield browser
    browser.quit()


@pytest.fixture
def page(driver):
    return Page(driver)


@pytest.fixture(scope="session")
def wait():
    def until(condition, seconds=60.0):
        """What the condition returns once that is true; pages take their time."""
        end = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < end, f"still not so after {seconds} s"
            time.sleep(0.2)
        return found

    return until


@pytest.fixture
def picture(driver, tmp_path):
    """Keeps a picture of the whole page, in the folder $TFBO_PICTURES where that is set."""

    def keep(name):
        folder = Path(os.environ.get("TFBO_PICTURES", tmp_path))
        shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
        (folder / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))

    return keep
