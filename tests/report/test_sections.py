"""Sections of a report: what is predicted of the next suggestion."""

import html
import re

import pytest

from tfbo import Float, Space, Study
from tfbo.report import sections
from tfbo.strategies import Sobol

SPACE = Space({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)})
TWO = {"gain": "maximize", "cost": "minimize"}


def outcomes(params):
    return {"gain": params["x"], "cost": params["x"] + params["y"], "mb": 10.0 * params["y"]}


def next_of(objectives, *, told=12, missing=(), y=0.25):
    """Words of the section, and the cells of its table of outcomes, of a study that has one enqueued."""
    study = Study(SPACE, objectives=objectives, constraints=["mb <= 5"], strategy=Sobol(), seed=0)
    for _ in range(told):
        trial = study.ask()
        study.tell(trial, {k: v for k, v in outcomes(trial.params).items() if k not in missing})
    study.enqueue({"x": 0.5, "y": y})
    text = html.unescape(sections.expected(study, study.trials))
    table = re.search(r'id="next-outcomes">(.*?)</table>', text)[1]
    rows = [re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row) for row in table.split("<tr")[2:]]
    return text, {name: cells for name, *cells in rows}


@pytest.mark.parametrize(("y", "feasible"), [(0.25, 1.0), (0.75, 0.0)])
def test_each_outcome_of_several_objectives_is_predicted_and_the_feasibility(y, feasible):
    text, rows = next_of(TWO, y=y)
    assert list(rows) == ["gain", "cost", "mb"]
    for name, value in outcomes({"x": 0.5, "y": y}).items():
        mean, std, interval = rows[name]
        assert float(mean) == pytest.approx(value, rel=0.1)
        low, high = map(float, interval.split(" to "))
        assert high - low == pytest.approx(2.0 * 1.96 * float(std), rel=0.01)
    found = re.search(r'id="next-feasibility">(.*?)<', text)[1]
    assert float(found) == pytest.approx(feasible, abs=0.02)
    assert "expected improvement" not in text


def test_one_objective_has_its_improvement_and_other_outcomes_beside_it():
    text, rows = next_of({"gain": "maximize"})
    assert list(rows) == ["mb"]
    for part in ("mean", "expected-improvement", "feasibility"):
        assert f'id="next-{part}"' in text


def test_an_outcome_that_is_not_known_yet_hides_no_other():
    text, rows = next_of(TWO, told=4, missing=("mb",))
    assert "'mb' was told of 0 trials" in rows["mb"][0] and len(rows["gain"]) == 3
    assert '"next-feasibility">not known yet<' in text
