"""The ablation's variants are strategies that a user could pass, each of which searches in another way."""

import ast
import dataclasses
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import ablation
from variants import region
from variants.base import Switching

import tfbo
from tfbo.strategies import Bayes, Strategy

FOLDER = Path(ablation.__file__).parent
SPACE = tfbo.Space(
    {
        "x": tfbo.Float(0.0, 1.0),
        "kind": tfbo.Categorical(["a", "b", "c"]),
        "y": tfbo.Float(0.0, 1.0, when={"kind": ["a", "b"]}),
    }
)
# They differ from the default in their last trials alone.
LATE = {"exploitation at the end"}
QUICK = {"no centre", "half rank", "failures ignored", "additive half", "in turns", "trust region"}
VARIANTS = [
    name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
    for name in ablation.VARIANTS
    if name != ablation.DEFAULT
]


def asked(strategy, count=9):
    """Configurations of the trials of a search, of which some fail."""
    if isinstance(strategy, Bayes):
        strategy = dataclasses.replace(strategy, n_candidates=32, n_restarts=2)
    study = tfbo.Study(SPACE, seed=3, strategy=strategy)
    for _ in range(count):
        trial = study.ask()
        assert SPACE.validate(trial.params) == trial.params
        x, y = trial.params["x"], trial.params.get("y", 0.2)
        if x > 0.8:
            study.tell(trial, state="failed")
        else:
            study.tell(trial, (3.0 * x - 1.0) ** 4 + 0.3 * y + (trial.params["kind"] == "b"))
    return [trial.params for trial in study.trials]


@pytest.fixture(scope="module")
def defaults():
    """What the default asks for, by the class of the strategy that asks."""
    return {kind: asked(made) for kind, made in ((Bayes, Bayes()), (Switching, Switching(_same)))}


def _same(told):
    return Bayes()


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_searches_in_another_way(name, defaults):
    strategy = ablation.VARIANTS[name].strategy
    assert (asked(strategy) != defaults[type(strategy)]) == (name not in LATE)


def test_every_variant_is_a_strategy_that_makes_one_choice_otherwise():
    for name, variant in ablation.VARIANTS.items():
        assert isinstance(variant.strategy, Strategy), name
        assert (variant.strategy == Bayes()) == (name == ablation.DEFAULT), name


def test_no_variant_needs_a_private_name():
    for path in (FOLDER / "variants").glob("*.py"):
        tree = ast.parse(path.read_text())
        own = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                used |= {*node.module.split("."), *(alias.name for alias in node.names)}
        private = {name for name in used if name.startswith("_")}
        assert private <= {"_replace", "__future__"}, path
        assert not own & {"setattr", "getattr", "delattr"}, path


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
