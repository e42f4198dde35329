"""The regret experiment: what its report computes, and that an interrupted run goes on."""

import csv
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import regret
import regret_report
import suites
from regret_report import Row
from suites import classics


def row(optimiser, path, cell="a", seed=0, optimum=None, suite="s"):
    return Row(suite, cell, seed, optimiser, 10, 0.0, optimum, tuple(path), ())


def test_the_value_after_a_trial_is_that_of_the_last_change_before_it():
    found = row("tfbo", [(2, 5.0), (7, 3.0)])
    assert [found.at(t) for t in (1, 2, 6, 7, 10)] == [math.inf, 5.0, 5.0, 3.0, 3.0]


def test_ranks_are_those_of_scipy():
    regrets = np.random.default_rng(0).integers(0, 4, size=[5, 40]) / 4.0  # with ties
    expected = stats.rankdata(regrets, axis=0).mean(axis=1)
    np.testing.assert_allclose(regret_report.ranks(regrets), expected, rtol=1e-12)


def test_regret_is_zero_at_the_optimum_and_one_where_random_search_is_after_ten_trials():
    rows = [
        row("tfbo", [(1, 9.0), (3, 5.0), (5, 1.0)], optimum=1.0),
        row("random", [(1, 5.0)], optimum=1.0),
    ]
    found = regret_report.group(rows, ["tfbo", "random"])
    np.testing.assert_allclose(found.regret[0, 0], [1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(found.regret[1, 0], 1.0)


def test_without_a_known_optimum_the_best_that_any_run_of_the_cell_saw_counts():
    rows = [
        row("tfbo", [(1, 4.0)]),
        row("random", [(1, 4.0)]),
        row("tfbo", [(1, 2.0)], seed=1),
        row("random", [(1, 6.0)], seed=1),
    ]
    found = regret_report.group(rows, ["tfbo", "random"])
    # Random search has a mean regret of (2 + 4) / 2 = 3.
    np.testing.assert_allclose(found.regret[:, :, -1], [[2 / 3, 0.0], [2 / 3, 1.0]])


def test_only_runs_that_all_have_made_are_compared():
    rows = [
        row(name, [(1, 1.0)], seed=s, optimum=0.0) for s in (0, 1) for name in ("tfbo", "random")
    ]
    rows.append(row("skopt", [(1, 1.0)], seed=1, optimum=0.0))
    assert regret_report.group(rows, ["tfbo", "random", "skopt"]).regret.shape == (3, 1, 10)
    assert [len(names) for names in regret_report.groups(rows).values()] == [2, 3]


def test_the_slower_an_optimiser_the_fewer_runs_it_is_compared_on():
    made = {"tfbo": 10, "random": 10, "skopt": 6, "botorch": 3, "hebo": 3}
    rows = [row(name, [(1, 1.0)], seed=s) for name, count in made.items() for s in range(count)]
    assert regret_report.groups(rows) == {
        "The whole choice of cells": ("tfbo", "random"),
        "The part of it that skopt ran as well": ("tfbo", "random", "skopt"),
        "The part of it that botorch and hebo ran as well": (
            "tfbo", "botorch", "hebo", "random", "skopt",
        ),
    }  # fmt: skip


def test_the_interval_covers_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(1)
    cells = [f"c{i}" for i in range(30) for _ in range(4)]
    inside = 0
    for _ in range(60):
        effects = np.repeat(rng.normal(0.3, 1.0, 30), 4)
        _, low, high = regret_report.interval(effects + rng.normal(0.0, 0.5, 120), cells)
        inside += low <= 0.3 <= high
    assert 51 <= inside <= 60  # 95 % of 60 is 57; 51 has a probability of 1 %


def test_a_run_that_was_cut_off_in_the_middle_of_a_line_is_left_out(tmp_path):
    results = tmp_path / "r.csv"
    with results.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(regret.Outcome._fields)
        writer.writerow(regret.Outcome("s", "a", 0, "tfbo", 10, 1.0, "0", "1:2.5 4:0.5", "", ""))
        file.write("s,a,1,tfbo,10,1.0,0,1:2.5 4:0.")
    (found,) = regret_report.read(results)
    assert found == Row("s", "a", 0, "tfbo", 10, 1.0, 0.0, ((1, 2.5), (4, 0.5)), ())


@pytest.fixture
def wanted():
    cells = [cell for cell in classics.cells() if cell.name in ("branin", "ackley-5-much-noise")]
    return regret.tasks(cells, ["random"], {"random": sys.executable}, range(2), 12, None)


def test_an_interrupted_experiment_goes_on_and_ends_like_one_that_was_not(tmp_path, wanted):
    whole, broken = tmp_path / "whole.csv", tmp_path / "broken.csv"
    regret.run_all(wanted, whole, jobs=1)
    regret.run_all(wanted[:2], broken, jobs=1)
    with broken.open("a") as file:
        file.write("noisy,ackley-5-much-noise,1,random,12,0.0")  # killed while it wrote
    regret.run_all(wanted, broken, jobs=2)
    expected, found = (
        sorted(r._replace(seconds=0.0) for r in regret_report.read(path))
        for path in (whole, broken)
    )
    assert len(expected) == 4 and found == expected


def test_the_report_names_every_optimiser_and_draws_its_pictures(tmp_path, wanted):
    results = tmp_path / "regret.csv"
    regret.run_all(wanted, results, jobs=1)
    rows = list(csv.reader(results.open()))
    with results.open("a", newline="") as file:
        # Twice random search stands in for ours: it costs nothing.
        csv.writer(file).writerows([[*r[:3], "tfbo", *r[4:]] for r in rows[1:]])
    regret_report.write(results, {"random": {"numpy": "2"}})
    text = (tmp_path / "regret.md").read_text()
    assert (
        "random = numpy 2" in text and text.count("| 0/4/0 |") == 1 and text.count("| 0/2/0 |") == 2
    )
    assert len(list(tmp_path.glob("regret-*.png"))) == 2


def test_the_path_of_a_noisy_run_is_made_of_true_values(tmp_path, wanted):
    task = next(t for t in wanted if "noise" in t.cell)
    outcome = regret.run(task)
    problem = next(c for c in classics.cells() if c.name == task.cell).problem(task.seed)
    values = [float(step.split(":")[1]) for step in outcome.path.split()]
    assert problem.noise > 0.0 and min(values) >= problem.optimum


# Of each suite that needs no further package; the values of the others are those that are committed.
JUDGES = ("hartmann-6", "levy-8", "rosenbrock-4", "styblinski-tang-5-little-noise", "pipeline")


@pytest.mark.slow
def test_the_default_strategy_is_better_than_tpe_and_random_search():
    committed = regret_report.read(regret.RESULTS)
    cells = [cell for cell in suites.core(None) if cell.name in JUDGES]
    tasks = regret.tasks(cells, ["tfbo"], {"tfbo": sys.executable}, range(3), 50, None)
    ranks = []
    for task in tasks:
        ours = regret.run(task)
        assert not ours.error
        value = float(ours.path.split()[-1].split(":")[1])
        theirs = [
            row.at(50)
            for row in committed
            if (row.cell, row.seed) == (task.cell, task.seed)
            and row.optimiser in ("optuna_tpe", "random")
        ]
        assert len(theirs) == 2
        ranks.append(1 + sum(other < value for other in theirs))
    assert np.median(ranks) == 1 and np.mean(ranks) < 1.5


def test_no_two_optimisers_are_drawn_alike():
    lines = [tuple(regret_report._line(name).values()) for name in regret_report.ADAPTERS]  # noqa: SLF001
    assert len(set(lines)) == len(lines)
