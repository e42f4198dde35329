"""Grids are the same whatever the user does to the decimal context."""

import decimal
from decimal import Decimal
from fractions import Fraction

import pytest

import tfbo
import tfbo.keras as kt
from tfbo.keras.definitions import Float, Int

CONTEXTS = {
    "few digits": {"prec": 2},
    "rounded up": {"prec": 5, "rounding": decimal.ROUND_UP},
    "a narrow range": {"prec": 28, "Emin": -1, "Emax": 1},
    "traps": {"prec": 4, "traps": [decimal.Inexact, decimal.FloatOperation, decimal.Rounded]},
    "no traps": {"prec": 1, "traps": []},
}


@pytest.fixture(params=CONTEXTS)
def context(request, monkeypatch):
    """The user's context: of this thread, and the one that other contexts are made of."""
    settings = CONTEXTS[request.param]
    for name in settings.keys() - {"traps"}:
        monkeypatch.setattr(decimal.DefaultContext, name, settings[name])
    with decimal.localcontext(decimal.Context(**settings)) as current:
        before = repr(current)
        yield current
        assert repr(current) == before


def test_a_space_has_its_levels(context):
    parameter = tfbo.Float(1.0, 2.0, step=0.00001)
    assert parameter.count == 100_001
    assert [parameter.level(i) for i in (1, 12345, 100_000)] == [1.00001, 1.12345, 2.0]
    assert parameter.legal("x", 1.12345) == 1.12345
    assert tfbo.Float(-0.3, 0.9, step=0.3).count == 5
    with pytest.raises(tfbo.InvalidArgument, match=r"high can be 1\.99998 or 2\.00001"):
        tfbo.Float(0.0, 2.0, step=0.00003)


def test_a_grid_has_its_values(context):
    study = tfbo.Study(
        tfbo.Space({"x": tfbo.Float(0.001, 0.005, step=0.001), "n": tfbo.Int(1, 100_001, step=50_000)}),
        strategy=tfbo.strategies.Grid(),
    )  # fmt: skip
    asked = [trial.params for trial in study.ask(15)]
    assert {params["x"] for params in asked} == {0.001, 0.002, 0.003, 0.004, 0.005}
    assert {params["n"] for params in asked} == {1, 50_001, 100_001}


@pytest.mark.parametrize(
    ("made", "values"),
    [
        (lambda: Float("x", 1.00001, 2.0, step=0.24), [1.00001, 1.24001, 1.48001, 1.72001, 1.96001]),
        (lambda: Float("x", 1e-5, 0.1, step=10, sampling="log"), [1e-5, 1e-4, 1e-3, 0.01, 0.1]),
        (lambda: Float("x", 1.5, 12, step=2, sampling="reverse_log"), [1.5, 7.5, 10.5, 12.0]),
        (lambda: Int("x", 11111, 99999, step=3, sampling="log"), [11111, 33333, 99999]),
    ],
)  # fmt: skip
def test_a_hyperparameter_has_its_values(context, made, values):
    assert list(made().values) == values


def test_a_range_of_many_values_has_its_values(context):
    hp = kt.HyperParameters()
    hp.Float("rate", 0.00001, 1.0, step=0.00001)
    assert hp.space[0].domain().write(hp.space[0].domain().read(0.12345)) == 0.12345


def test_whole_numbers_are_exact_beyond_the_digits_of_a_decimal():
    low = 10**40 + 1
    parameter = tfbo.Int(low, low + 6, step=3)
    assert [parameter.level(i) for i in range(parameter.count)] == [low, low + 3, low + 6]
    with pytest.raises(tfbo.InvalidArgument, match=f"high can be {low + 3} or {low + 6}"):
        tfbo.Int(low, low + 5, step=3)
    assert Int("x", 3, 3**80, step=3, sampling="log").values[-1] == 3**80
    with pytest.raises(tfbo.InvalidArgument, match="a divisor of"):
        tfbo.Int(0, 4 * 10**9 + 1, step=10**9)


def test_numbers_may_be_decimals_and_fractions():
    parameter = tfbo.Float(Decimal("0.1"), Fraction(1, 2), step=Decimal("0.1"))
    assert parameter == tfbo.Float(0.1, 0.5, step=0.1)
    assert parameter.legal("x", Decimal("0.3")) == 0.3
