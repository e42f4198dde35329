"""The benchmark's problems keep their promises, without which no regret means anything."""

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

import suites  # noqa: E402
from suites import base, bbob, classics, discrete, live, yahpo  # noqa: E402

YAHPO = Path(os.environ.get("TFBO_YAHPO", ROOT / "shared" / "yahpo"))
LOCAL = [*classics.cells(), *discrete.cells(), *live.cells()]
KNOWN = [cell for cell in LOCAL if cell.suite != "live" and cell.name != "pest-control"]
# Live training takes some hundredths of a second a draw.
DRAWS = {"live": 3}


def each(cells):
    return pytest.mark.parametrize("cell", cells, ids=lambda cell: cell.name)


def drawn(problem, count, seed=0):
    rng = np.random.default_rng(seed)
    return [base.draw(problem.parameters, rng) for _ in range(count)]


def check_parameters(parameters):
    before = {}
    for parameter in parameters:
        assert parameter["name"] not in before
        if parameter["kind"] == "categorical":
            choices = parameter["choices"]
            assert len(set(choices)) == len(choices) >= 2
        else:
            assert parameter["kind"] in ("float", "int")
            kind = {"float": float, "int": int}[parameter["kind"]]
            low, high = parameter["low"], parameter["high"]
            assert isinstance(low, kind) and isinstance(high, kind) and low < high
            assert not parameter["log"] or low > 0
        for parent, allowed in parameter.get("when", {}).items():
            held = before[parent]
            assert allowed
            if held["kind"] == "categorical":
                assert set(allowed) < set(held["choices"])
            else:
                assert all(held["low"] <= value <= held["high"] for value in allowed)
        before[parameter["name"]] = parameter


def check_values(cell, count):
    """Values are floats, the same for the same seed and parameters; the optimum is not beaten."""
    one, two = cell.problem(3), cell.problem(3)
    check_parameters(one.parameters)
    assert one.parameters == two.parameters
    assert (one.optimum, one.noise) == (two.optimum, two.noise)
    found = [(one.value(params), two.value(params)) for params in drawn(one, count)]
    assert all(type(value) is float for pair in found for value in pair)
    np.testing.assert_array_equal(*np.transpose(found))
    values = np.array(found)[:, 0]
    assert not np.all(np.isnan(values)) and np.nanmin(values) < np.nanmax(values)
    if one.optimum is not None:
        assert np.nanmin(values) >= one.optimum - 1e-9 * max(1.0, abs(one.optimum))


@each(LOCAL)
def test_cell_keeps_the_contract(cell):
    check_values(cell, DRAWS.get(cell.suite, 200))


@each(KNOWN)
def test_seeds_differ(cell):
    one, two = cell.problem(0), cell.problem(1)
    assert any(one.value(params) != two.value(params) for params in drawn(one, 10))


@pytest.mark.parametrize("name", classics.CLASSICS)
def test_classic_attains_its_optimum_at_its_target(name):
    classic = classics.CLASSICS[name]
    problem = classics.transformed(classic, 4)
    d = len(problem.parameters)
    target = np.random.default_rng([4, d, 1]).uniform(0.2, 0.8, d)
    at = {p["name"]: x for p, x in zip(problem.parameters, target)}
    assert problem.value(at) == pytest.approx(problem.optimum, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", discrete.MAKERS)
def test_discrete_attains_its_optimum_at_its_minimiser(name, seed):
    problem, minimiser = discrete.MAKERS[name](seed)
    if minimiser is None:
        assert problem.optimum is None
        return
    assert base.active(problem.parameters, minimiser) == minimiser
    assert problem.value(minimiser) == pytest.approx(problem.optimum, abs=1e-12)
    # Nor does any change of one parameter beat it.
    filling = {
        p["name"]: p["choices"][0] if "choices" in p else p["low"] for p in problem.parameters
    }
    for other in drawn(problem, 100, seed):
        for changed in minimiser.keys() & other.keys():
            full = {**filling, **minimiser, changed: other[changed]}
            step = base.active(problem.parameters, full)
            assert not problem.value(step) < problem.optimum - 1e-9


@pytest.mark.parametrize("seed", range(5))
def test_a_quarter_of_the_box_fails_up_to_the_optimum(seed):
    problem, minimiser = discrete.failing(seed)
    failed = [math.isnan(problem.value(params)) for params in drawn(problem, 1000)]
    assert np.mean(failed) == pytest.approx(discrete.FAILING, abs=0.06)
    rng = np.random.default_rng(0)
    steps = rng.standard_normal([500, 6])
    steps *= 0.15 / np.linalg.norm(steps, axis=1, keepdims=True)
    names = list(minimiser)
    beside = [dict(zip(names, base.vector(minimiser) + step)) for step in steps]
    assert any(math.isnan(problem.value(params)) for params in beside)


def test_margin_loss_is_the_logistic_loss_of_two_classes():
    svm = pytest.importorskip("sklearn.svm")
    rng = np.random.default_rng(0)
    x = rng.standard_normal([60, 2])
    y = (x[:, 0] + 0.5 * rng.standard_normal(60) > 0).astype(int)
    model = svm.SVC().fit(x, y)
    signed = model.decision_function(x) * (2 * y - 1)
    assert live.margin_loss(model, x, y) == pytest.approx(np.mean(np.log1p(np.exp(-signed))))


def test_margin_loss_knows_the_pairs_of_three_classes():
    svm = pytest.importorskip("sklearn.svm")
    middles = np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]])
    y = np.repeat(np.arange(3), 20)
    x = middles[y] + np.random.default_rng(0).standard_normal([60, 2])
    model = svm.SVC(kernel="linear", decision_function_shape="ovo").fit(x, y)
    right = live.margin_loss(model, x, y)
    assert right < 0.3
    assert all(live.margin_loss(model, x, (y + turn) % 3) > 1.0 for turn in (1, 2))


def test_live_training_that_fails_is_nan():
    failing = live.Training((), lambda params: live._scaled("none", _Diverging()), live.rmse)  # noqa: SLF001
    assert math.isnan(live._value(failing, "wine", {}))  # noqa: SLF001


class _Diverging:
    def fit(self, x, y):
        raise ValueError("Solver produced non-finite parameter weights.")


def test_core_is_a_share_of_every():
    assert len(suites.core(None)) == 50
    assert len(suites.core(YAHPO)) == 60
    for folder in (None, YAHPO):
        names = [cell.name for cell in suites.every(folder)]
        assert len(set(names)) == len(names)
        core = [cell.name for cell in suites.core(folder)]
        assert len(set(core)) == len(core) and set(core) <= set(names)


def test_core_varies_dimensions_within_each_group_of_bbob():
    names = {cell.name for cell in suites.core(None)}
    chosen = {f: [d for d in bbob.DIMENSIONS if bbob.name(f, d) in names] for f in bbob.FUNCTIONS}
    assert all(len(ds) == 1 for ds in chosen.values())
    for first, last in ((1, 5), (6, 9), (10, 14), (15, 19), (20, 24)):
        group = {chosen[f][0] for f in range(first, last + 1)}
        assert group == set(bbob.DIMENSIONS)


def test_cells_are_listed_with_numpy_alone():
    code = (
        "import sys, pathlib, suites; suites.core(pathlib.Path()); "
        "print({'sklearn', 'scipy', 'ioh', 'onnxruntime', 'tensorflow'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, cwd=ROOT / "benchmarks", capture_output=True, text=True)
    assert run.stdout.strip() == "set()", run.stderr


@each(bbob.cells()[::5])
def test_bbob_keeps_the_contract(cell):
    ioh = pytest.importorskip("ioh")
    check_values(cell, 200)
    function, d = (int(part[1:]) for part in cell.name.split("-")[1:])
    problem = cell.problem(3)
    best = ioh.get_problem(function, 4, d, ioh.ProblemClass.BBOB).optimum
    unit = (np.array(best.x) - bbob.LOW) / (bbob.HIGH - bbob.LOW)
    assert np.all((unit >= 0.0) & (unit <= 1.0))
    at = {p["name"]: float(x) for p, x in zip(problem.parameters, unit)}
    assert problem.optimum == best.y
    assert problem.value(at) == pytest.approx(problem.optimum, abs=1e-6)


@each(yahpo.cells(YAHPO))
def test_yahpo_keeps_the_contract(cell):
    pytest.importorskip("onnxruntime")
    if not YAHPO.is_dir():
        pytest.skip("TFBO_YAHPO names no folder of YAHPO's data")
    check_values(cell, 50)
    problem = cell.problem(0)
    assert len(problem.parameters) == (7 if cell.name.startswith("lcbench") else 5)
    most = 100.0 if cell.name.startswith("lcbench") else 1.0
    values = np.array([problem.value(params) for params in drawn(problem, 100)])
    assert np.all((-most <= values) & (values <= 0.0)) and np.ptp(values) > 0.01 * most
