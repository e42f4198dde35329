"""The ablation's variants differ from the default, and leave nothing behind."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import ablation
from adapters import Tfbo
from suites import classics

import tfbo
from tfbo.gp import outcomes


def asked(variant, count=8):
    """What it asks for on Branin, without the last of its trials."""
    problem = next(c for c in classics.cells() if c.name == "branin").problem(3)
    with ablation.patched(variant):
        optimiser = Tfbo(problem.parameters, 3, dict(variant.settings()))
        found = []
        for _ in range(count):
            params = optimiser.ask()
            optimiser.tell(problem.value(params))
            found.append(params)
    return found


@pytest.mark.parametrize("name", ["no centre", "no tempering", "half rank", "Yeo-Johnson", "UCB"])
def test_a_variant_changes_the_search_and_is_gone_afterwards(name):
    kept = outcomes.temper
    default = asked(ablation.VARIANTS[ablation.DEFAULT])
    assert asked(ablation.VARIANTS[name]) != default
    assert outcomes.temper is kept
    assert asked(ablation.VARIANTS[ablation.DEFAULT]) == default


def test_every_variant_makes_a_strategy():
    for name, variant in ablation.VARIANTS.items():
        changed = dict(variant.settings()), dict(variant.patches()), variant.last
        assert tfbo.strategies.Bayes(**changed[0])
        assert (name == ablation.DEFAULT) == (changed == ({}, {}, 0))


def test_its_cells_are_not_those_that_judge_the_default():
    core = {cell.name for cell in ablation.suites.core(None) if cell.suite != "classics"}
    shared = core & {cell.name for cell in ablation.cells(None)}
    assert shared == {"hartmann-6-fails"}  # the one problem that fails
