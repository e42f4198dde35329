import math

import numpy as np
import pytest

optuna = pytest.importorskip("optuna")
from optuna.distributions import (  # noqa: E402
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from tfbo import InvalidArgument  # noqa: E402
from tfbo.integrations.optuna import TFBOSampler, study_history  # noqa: E402
from tfbo.integrations.optuna.distributions import Counterparts, counterpart  # noqa: E402

optuna.logging.set_verbosity(optuna.logging.ERROR)
# Of a choice that is a tuple, and of ranges that their step does not divide.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:optuna.*")

SPACE = {
    "rate": FloatDistribution(1e-4, 1e-1, log=True),
    "units": IntDistribution(16, 128, step=16),
    "kind": CategoricalDistribution(["a", None, 2, True]),
}
DISTRIBUTIONS = [
    FloatDistribution(-1.5, 2.5),
    FloatDistribution(1e-7, 10.0, log=True),
    FloatDistribution(-10.2, 10.2, step=0.1),
    FloatDistribution(0.1, 0.3, step=0.2),
    FloatDistribution(0.0, 1.0, step=0.3),  # Optuna lowers the end to 0.9
    FloatDistribution(0.0, 1.0, step=1e-7),
    IntDistribution(-3, 10),
    IntDistribution(3, 9, step=3),
    IntDistribution(1, 100, log=True),
    IntDistribution(1, 10**9, log=True),
    IntDistribution(-(10**12), 6 * 10**12, step=7),
    CategoricalDistribution(["a", None, 1.5, False, 7]),
    CategoricalDistribution([math.nan, (1, 2)]),
]


def is_among(number, distribution):
    """Tell if a number is one that Optuna would draw."""
    if isinstance(distribution, CategoricalDistribution):
        return number in range(len(distribution.choices))
    levels = 0.0 if distribution.step is None else (number - distribution.low) / distribution.step
    return distribution.low <= number <= distribution.high and abs(levels - round(levels)) < 1e-6


@pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=repr)
def test_a_distribution_is_there_and_back_the_same(distribution):
    found = counterpart("x", distribution)
    for code in [0.0, 1.0, *np.random.default_rng(0).random(40)]:
        legal = found.parameter.from_code(float(code))
        number = found.write(legal)
        value = distribution.to_external_repr(number)
        assert is_among(number, distribution)
        assert type(value) is not np.float64
        assert not isinstance(distribution, IntDistribution) or type(value) is int
        assert found.write(found.read(distribution.to_internal_repr(value))) == number
    ends = found.write(found.parameter.from_code(0.0)), found.write(found.parameter.from_code(1.0))
    if hasattr(distribution, "low"):
        assert ends == (distribution.low, distribution.high)


def test_the_model_suggests_legal_values_of_all_distributions():
    space = {f"p{i}": found for i, found in enumerate(DISTRIBUTIONS)}
    study = optuna.create_study(sampler=TFBOSampler(seed=0, n_startup_trials=2))
    for value in (1.0, 2.0, 0.5, 3.0):
        trial = study.ask(space)
        study.tell(trial, value)
    assert len(study_history.recall(study.get_trials()[-1])[1]["theta"]) == len(space) + 2
    for name, found in space.items():
        assert is_among(found.to_internal_repr(trial.params[name]), found)


def test_levels_are_the_decimals_that_a_user_would_write():
    found = counterpart("x", FloatDistribution(0.0, 1.0, step=0.1))
    assert [found.write(i) for i in range(11)] == [i / 10 for i in range(11)]


@pytest.mark.parametrize("distribution", [SPACE["rate"], SPACE["units"]], ids=repr)
def test_a_value_out_of_range_is_none(distribution):
    found = counterpart("x", distribution)
    assert found.read(distribution.high * 2) is None
    assert found.read(distribution.low / 2) is None


def test_a_configuration_needs_all_its_values():
    counterparts = Counterparts.of(SPACE)
    assert counterparts.read({"rate": 0.01, "units": 32.0, "kind": 1.0}) == {
        "rate": 0.01, "units": 1, "kind": 1,
    }  # fmt: skip
    assert counterparts.read({"rate": 0.01, "units": 32.0}) is None
    assert counterparts.read({"rate": 0.01, "units": 1000.0, "kind": 1.0}) is None


def test_an_unknown_distribution_is_refused_by_name():
    with pytest.raises(InvalidArgument, match=r"search_space\['x'\]"):
        counterpart("x", "uniform")
