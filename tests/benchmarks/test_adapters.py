"""The workers of the benchmarks with the optimisers that are installed here, and their encodings."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import peers
from adapters import base
from suites.base import active, draw

SPACE = (
    {"name": "rate", "kind": "float", "low": 1e-4, "high": 1.0, "log": True},
    {"name": "shift", "kind": "float", "low": -2.0, "high": 3.0, "log": False},
    {"name": "units", "kind": "int", "low": 1, "high": 30, "log": False},
    {"name": "width", "kind": "int", "low": 4, "high": 512, "log": True},
    {"name": "kernel", "kind": "categorical", "choices": ["rbf", "poly", None]},
    {
        "name": "degree",
        "kind": "int",
        "low": 2,
        "high": 5,
        "log": False,
        "when": {"kernel": ["poly"]},
    },
    {
        "name": "scaled",
        "kind": "categorical",
        "choices": [False, True],
        "when": {"kernel": ["rbf", "poly"]},
    },
    {
        "name": "power",
        "kind": "float",
        "low": 0.1,
        "high": 9.0,
        "log": True,
        "when": {"scaled": [True], "kernel": ["poly"]},
    },
)
# A short opening, so that a few trials reach the model.
SETTINGS = {"tfbo": {"n_initial": 3, "n_candidates": 64, "n_restarts": 1}}
FROM_HERE = ["tfbo", "random", "sobol"]


def objective(params):
    """None where a trial fails."""
    return None if params["kernel"] is None else np.log(params["rate"]) ** 2 + params["units"]


def draws(n):
    rng = np.random.default_rng(0)
    return [draw(SPACE, rng) for _ in range(n)]


@pytest.fixture(scope="module")
def worker():
    with peers.Worker(sys.executable, 120.0, threads=1) as worker:
        yield worker


def start(worker, name, seed=0):
    return worker.start(name, SPACE, seed, SETTINGS.get(name))


def search(worker, n):
    asked = []
    for _ in range(n):
        params, seconds = worker.ask()
        asked.append(params)
        assert seconds >= 0.0 and worker.tell(objective(params)) >= 0.0
    return asked


@pytest.mark.slow
@pytest.mark.parametrize("name", FROM_HERE)
def test_what_is_asked_is_legal_and_active(worker, name):
    assert "Python" in start(worker, name).versions
    worker.preload(draws(4), [3.0, None, float("nan"), 5.0])
    asked = search(worker, 6 if name == "tfbo" else 40)
    for params in asked:
        assert base.settled(SPACE, params) == params == active(SPACE, params)
    recommended = worker.recommend()
    assert (recommended is None) == (name != "tfbo")
    if recommended is not None:
        assert base.settled(SPACE, recommended) == recommended


@pytest.mark.slow
@pytest.mark.parametrize("name", FROM_HERE)
def test_all_trials_may_fail(worker, name):
    start(worker, name)
    for _ in range(5):
        worker.ask()
        worker.tell(None)
    assert worker.recommend() is None


@pytest.mark.slow
@pytest.mark.parametrize("name", FROM_HERE)
def test_a_process_serves_one_run_after_another(worker, name):
    start(worker, name, seed=1)
    first = search(worker, 5)
    start(worker, name, seed=2)
    assert search(worker, 2) != first[:2]
    worker.ask()  # what has not been told does not stand in the way of a start
    start(worker, name, seed=1)
    assert search(worker, 5) == first


def test_messages_out_of_order_are_refused(worker):
    with (
        peers.Worker(sys.executable) as fresh,
        pytest.raises(peers.PeerError, match="ask: there is no optimiser; start"),
    ):
        fresh.ask()
    start(worker, "random")
    with pytest.raises(peers.PeerError, match="tell: ask for a configuration first"):
        worker.tell(1.0)
    worker.ask()
    with pytest.raises(peers.PeerError, match="ask: tell the last one first"):
        worker.ask()
    worker.tell(1.0)
    worker.ask()


def test_a_start_that_makes_no_sense_is_refused(worker):
    with pytest.raises(peers.PeerError, match=r"optimiser: expected one of tfbo, .* got 'grid'"):
        worker.start("grid", SPACE, 0)
    with pytest.raises(peers.PeerError, match="settings: random takes none"):
        worker.start("random", SPACE, 0, {"n_initial": 3})


@pytest.mark.parametrize("parameter", SPACE, ids=lambda parameter: parameter["name"])
def test_decoding_undoes_encoding(parameter):
    for params in draws(50):
        if parameter["name"] in params:
            value = params[parameter["name"]]
            u = base.encoded(parameter, value)
            assert 0.0 <= u <= 1.0
            found = base.decoded(parameter, u)
            exact = parameter["kind"] != "float"
            assert found == value if exact else found == pytest.approx(value, rel=1e-12)


def test_each_level_has_its_share_of_the_scale():
    kernel, degree = SPACE[4], SPACE[5]
    u = (np.arange(1200) + 0.5) / 1200
    for parameter, levels in (kernel, ["rbf", "poly", None]), (degree, [2, 3, 4, 5]):
        found = [base.decoded(parameter, v) for v in u]
        assert [found.count(level) for level in levels] == [1200 // len(levels)] * len(levels)
    assert base.decoded(degree, 0.0) == 2 and base.decoded(degree, 1.0) == 5


def test_uncoding_undoes_coding():
    for params in draws(50):
        coded = base.coded(SPACE, params)
        assert coded["kernel"] in ("0", "1", "2")
        assert base.uncoded(SPACE, coded) == params
    assert base.conditions(SPACE, SPACE[-1]) == {"scaled": ["1"], "kernel": ["1"]}


def test_filling_keeps_what_is_active():
    for params in draws(50):
        filled = base.filled(SPACE, params)
        assert list(filled) == [parameter["name"] for parameter in SPACE]
        assert active(SPACE, filled) == params


def test_illegal_values_are_found():
    legal = {"rate": 0.1, "shift": 0.0, "units": 3, "width": 8, "kernel": None}
    assert base.settled(SPACE, {**legal, "degree": 3, "rate": np.float64(0.1)}) == legal
    assert base.settled(SPACE, {**legal, "rate": 1.0 + 1e-12})["rate"] == 1.0
    wrong = {"rate": 1.1, "units": 2.5, "width": True, "kernel": "linear", "shift": None}
    for name, value in wrong.items():
        with pytest.raises(ValueError, match=f"{name}: expected"):
            base.settled(SPACE, {**legal, name: value})
    with pytest.raises(ValueError, match="degree: expected"):
        base.settled(SPACE, {**legal, "kernel": "poly"})
