"""Optuna's own tests of a sampler."""

import pytest

suite = pytest.importorskip(
    "optuna.testing.pytest_samplers", reason="this Optuna does not bring its tests of a sampler"
)
from tfbo.integrations.optuna import TFBOSampler  # noqa: E402

pytestmark = pytest.mark.slow


class Default:
    """As many startup trials as Optuna's GPSampler has.

    With five most tests would reach the model, each with a space of its own, for which a program is
    traced: they pass, but take a minute. `test_distributions.py` has all distributions in one space.
    """

    @pytest.fixture
    def sampler(self):
        return lambda: TFBOSampler(seed=0, n_startup_trials=10)


class TestBasic(Default, suite.BasicSamplerTestCase):
    pass


class TestRelative(Default, suite.RelativeSamplerTestCase):
    pass


class TestMultiObjective(Default, suite.MultiObjectiveSamplerTestCase):
    pass
