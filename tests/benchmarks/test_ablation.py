"""The ablation's variants differ from the default, and leave nothing behind."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import ablation
from adapters import Tfbo
from suites import classics
from variants import region

import tfbo
from tfbo.gp import outcomes
from tfbo.optim import mixed


def asked(name, count=8):
    """What the variant asks for on Branin."""
    problem = next(c for c in classics.cells() if c.name == "branin").problem(3)
    variant = ablation.VARIANTS[name]
    with ablation.patched(variant):
        run = ablation.Local(Tfbo(problem.parameters, 3, dict(variant.settings())), variant)
        found = []
        for _ in range(count):
            params, _ = run.ask()
            run.tell(problem.value(params))
            found.append(params)
    return found


@pytest.fixture(scope="module")
def default():
    """What the default asks for."""
    return asked(ablation.DEFAULT)


@pytest.mark.parametrize(
    "name",
    [
        "no centre",
        "no tempering",
        "half rank",
        "Yeo-Johnson",
        "UCB",
        "warped inputs",
        "averaged",
        "luckiest incumbent",
        "noisy improvement",
        "trust region",
    ],
)
def test_a_variant_changes_the_search_and_is_gone_afterwards(name, default):
    kept = outcomes.temper, mixed.maximise
    assert asked(name) != default
    assert (outcomes.temper, mixed.maximise) == kept
    assert asked(ablation.DEFAULT) == default


def test_every_variant_makes_a_strategy_and_has_one_difference_at_least():
    plain = ablation.VARIANTS[ablation.DEFAULT].before
    for name, variant in ablation.VARIANTS.items():
        settings, patches = dict(variant.settings()), dict(variant.patches())
        assert tfbo.strategies.Bayes(**settings)
        changed = bool(settings or patches or variant.before is not plain)
        assert changed == (name != ablation.DEFAULT)


@pytest.mark.parametrize(
    ("values", "side"),
    [
        ([], 0.8),
        ([5.0, 4.0, 3.0], 1.6),  # three successes
        ([5.0] + [6.0] * 4, 0.4),  # four failures in three dimensions
        ([5.0, None, 4.0] + [6.0] * 8, 0.2),
        ([5.0] + [6.0] * 4 * 7, 0.8),  # under 2^-7: it begins again
    ],
)
def test_the_trust_region_follows_turbo(values, side):
    assert region.side(values, 3) == side


def test_its_cells_are_not_those_that_judge_the_default():
    core = {cell.name for cell in ablation.suites.core(None) if cell.suite != "classics"}
    shared = core & {cell.name for cell in ablation.cells(None)}
    assert shared == {"hartmann-6-fails"}  # the one problem that fails
