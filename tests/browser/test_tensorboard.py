"""TensorBoard's own pages, in a browser, on a study that the callback has logged."""

import contextlib
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from typing import NamedTuple

import pytest

import tfbo
from tfbo.integrations.tensorboard import TensorBoardCallback

pytest.importorskip("tensorboard")

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SPACE = tfbo.Space(
    {
        "learning_rate": tfbo.Float(1e-4, 1e-1, log=True),
        "units": tfbo.Int(16, 128, step=16),
        "activation": tfbo.Categorical(["relu", "gelu", None]),
        "use_dropout": tfbo.Boolean(),
        "dropout": tfbo.Float(0.1, 0.6, when={"use_dropout": True}),
    }
)


def objective(params):
    if params["units"] > 112:
        raise ValueError("too wide")
    return params["learning_rate"] * params["units"] + params.get("dropout", 0.3)


@contextlib.contextmanager
def serve(logdir):
    """TensorBoard on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", logdir, "--port", str(port)]
    with open(f"{logdir}/../log", "w") as log:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--reload_interval", "1"], stdout=log, stderr=log
        )
    try:
        yield f"http://127.0.0.1:{port}/", process
    finally:
        process.terminate()
        process.wait(30)


def answers(url, process):
    assert process.poll() is None, "TensorBoard ended"
    with contextlib.suppress(urllib.error.URLError), urllib.request.urlopen(url) as answer:
        return answer.status == 200
    return False


class Board(NamedTuple):
    """TensorBoard at `url`, on what the callback has logged of the study."""

    study: tfbo.Study
    callback: TensorBoardCallback
    url: str


@pytest.fixture(scope="module")
def board(driver, wait, tmp_path_factory):
    logdir = tmp_path_factory.mktemp("tensorboard") / "logs"
    callback = TensorBoardCallback(logdir)
    study = tfbo.Study(SPACE, name="digits", seed=0, strategy=tfbo.strategies.Random())
    study.optimize(objective, n_trials=16, callbacks=[callback])
    with serve(str(logdir)) as (url, process):
        wait(lambda: answers(url, process))
        yield Board(study, callback, url)


def same(shown, trial):
    """Whether cells have the trial's values and no others, in whichever order."""
    wanted = [*trial.params.values(), *([] if trial.value is None else [trial.value])]
    words = {True: "true", False: "false", None: "None"}
    numbers = sorted(float(v) for v in wanted if type(v) in (int, float))
    texts = sorted(words.get(v, v) for v in wanted if type(v) not in (int, float))
    found = sorted(cell for cell in shown if not is_number(cell))
    read = sorted(float(cell) for cell in shown if is_number(cell))
    return found == texts and read == pytest.approx(numbers, rel=1e-4)


def is_number(text):
    return text[0].isdigit()


def test_the_hparams_page_shows_every_trial(page, wait, picture, board):
    study = board.study
    page.goto(f"{board.url}#hparams")
    last = f"digits/trial-{len(study) - 1:04d}"
    (table,) = wait(lambda: [t for t in page.texts("tf-hparams-table-view") if last in t])
    picture("hparams-table")
    rows = dict(cells.split(maxsplit=1) for cells in table.split("digits/trial-")[1:])
    states = {trial.state for trial in study.trials}
    assert states == {"complete", "failed"}
    assert sorted(rows) == [f"{trial.number:04d}" for trial in study.trials]
    for trial in study.trials:
        assert same(rows[f"{trial.number:04d}"].split(), trial), trial
    assert page.errors() == []


def test_the_hparams_page_draws_the_trials(page, wait, picture, board):
    study = board.study
    page.goto(f"{board.url}#hparams")
    tabs = ["TABLE VIEW", "PARALLEL COORDINATES VIEW", "SCATTER PLOT MATRIX VIEW"]
    wait(lambda: page.texts("paper-tab") == tabs)
    # These lines go through every column that is ticked, or are not drawn.
    whole = [t for t in study.trials if t.value is not None and "dropout" in t.params]
    assert len(whole) >= 3
    page.click("paper-tab", tabs[1])
    wait(lambda: page.drawn(".foreground path") == len(whole))
    picture("hparams-parallel")
    page.click("paper-tab", tabs[2])
    complete = [t for t in study.trials if t.value is not None]
    always = len(SPACE) - 1 + 1  # the parameters but dropout, and the objective
    wait(lambda: page.drawn(".data-marker") == always * len(complete) + len(whole))
    picture("hparams-scatter")
    assert page.errors() == []


def test_failed_trials_are_marked_as_such(page, wait, board):
    study = board.study
    page.goto(f"{board.url}#hparams")
    matching = "Number of matching session groups: {}".format
    wait(lambda: matching(len(study)) in " ".join(page.texts("tf-hparams-query-pane")))
    page.click("paper-checkbox", "Failure")
    others = sum(trial.state != "failed" for trial in study.trials)
    wait(lambda: matching(others) in " ".join(page.texts("tf-hparams-query-pane")))


def test_the_curves_are_there(page, wait, picture, board):
    page.goto(f"{board.url}#timeseries")
    wait(lambda: {"best_so_far", "objective"} <= set(page.texts("scalar-card .tag")))
    picture("curves")
    assert page.errors() == []


def test_a_column_that_came_later_is_shown_without_a_restart(page, wait, board):
    board.study.extend({"a_new_one": tfbo.Float(0.0, 1.0)})
    board.study.optimize(objective, n_trials=1, callbacks=[board.callback])

    def shown():
        page.goto(f"{board.url}#hparams")
        wait(lambda: "units" in page.texts("paper-checkbox"))
        return "a_new_one" in page.texts("paper-checkbox")

    # TensorBoard looks for new runs once a second.
    wait(shown)
