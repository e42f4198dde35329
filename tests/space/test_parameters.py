import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfbo import Boolean, Categorical, Constant, Float, Int, InvalidArgument, Ordinal

finite = st.floats(-1e12, 1e12, allow_nan=False)


@st.composite
def floats(draw):
    log = draw(st.booleans())
    low = draw(st.floats(1e-12, 1e6) if log else finite)
    high = low + draw(st.floats(1e-3, 1e9)) * max(1.0, abs(low) * 1e-3)
    return Float(low, high, log=log)


@st.composite
def stepped(draw):
    step = draw(st.sampled_from([0.1, 0.01, 0.25, 0.3, 1e-5, 7.0]))
    first, count = draw(st.integers(1, 50)), draw(st.integers(2, 400))
    from decimal import Decimal

    low = float(first * Decimal(repr(step)))
    high = float((first + count) * Decimal(repr(step)))
    return Float(low, high, step=step, log=draw(st.booleans()))


@st.composite
def ints(draw):
    log = draw(st.booleans())
    low = draw(st.integers(1, 1000) if log else st.integers(-1000, 1000))
    step = draw(st.integers(1, 7))
    return Int(low, low + step * draw(st.integers(1, 3000)), step=step, log=log)


scalars = st.one_of(st.text(max_size=3), st.integers(-5, 5), st.booleans(), st.none())
choices = st.lists(scalars, min_size=2, max_size=8, unique_by=lambda v: (type(v), v))
listed = st.one_of(choices.map(Categorical), choices.map(Ordinal), st.just(Boolean()))


@given(st.one_of(stepped(), ints(), listed), st.data())
def test_every_level_comes_back_exactly(parameter, data):
    level = parameter.level(data.draw(st.integers(0, parameter.count - 1)))
    code = parameter.to_code(level)
    assert 0.0 <= code <= 1.0
    back = parameter.from_code(code)
    assert back == level
    assert type(back) is type(level)
    assert parameter.legal("x", back) == level


@given(floats(), st.floats(0.0, 1.0))
def test_continuous_codes_come_back(parameter, u):
    value = parameter.from_code(u)
    assert parameter.low <= value <= parameter.high
    again = parameter.from_code(parameter.to_code(value))
    width = parameter.high - parameter.low
    assert again == pytest.approx(value, rel=1e-12, abs=1e-12 * width)


@given(st.one_of(floats(), stepped(), ints()))
def test_bounds_are_reachable_and_monotone(parameter):
    assert parameter.from_code(0.0) == parameter.low
    assert parameter.from_code(1.0) == parameter.high
    values = [parameter.from_code(u) for u in np.linspace(0.0, 1.0, 41)]
    assert values == sorted(values)


def test_steps_are_the_decimals_one_would_write():
    tenths = Float(0.0, 1.0, step=0.1)
    assert [tenths.level(i) for i in range(11)] == [
        0.0,
        0.1,
        0.2,
        0.3,
        0.4,
        0.5,
        0.6,
        0.7,
        0.8,
        0.9,
        1.0,
    ]
    assert tenths.legal("x", 0.1 + 0.2) == 0.3


def test_types_are_the_users():
    assert type(Int(1, 9).from_code(0.4)) is int
    assert type(Float(0, 1).from_code(1.0)) is float
    assert Boolean().from_code(0.9) is True
    assert Categorical([1, True, "1", None]).legal("x", True) is True
    assert type(Int(1, 9).legal("x", np.int64(3))) is int


def test_the_widest_bounds_do_not_overflow():
    wide = Float(-1e308, 1e308)
    assert wide.from_code(0.5) == 0.0
    assert wide.to_code(0.0) == 0.5


def test_a_log_int_covers_small_values_fairly():
    units = Int(1, 1000, log=True)
    values = [units.from_code(u) for u in np.linspace(0.0, 1.0, 20_001)]
    decades = [sum(10**k <= v < 10 ** (k + 1) for v in values) / len(values) for k in range(3)]
    assert max(decades) - min(decades) < 0.1


def test_values_are_compared_by_type_too():
    assert Categorical([1, 2]) != Categorical([True, 2])
    assert Ordinal([1, 2]) == Ordinal([1, 2])
    assert hash(Constant(1)) == hash(Constant(1))
    assert Constant(1) != Constant(1.0)
    assert Float(0.0, 1.0, when={"a": 1}) != Float(0.0, 1.0, when={"a": True})
    assert Boolean(when={"a": 1}) != Boolean(when={"a": True})
    assert Float(0, 1) == Float(0.0, 1.0)
    assert Boolean() == Boolean()


BAD = [
    (lambda: Float(1.0, 0.0), "low"),
    (lambda: Float(1.0, 1.0), "Constant"),
    (lambda: Float(0.0, 1.0, log=True), "low"),
    (lambda: Float(-1.0, 1.0, log=True), "low"),
    (lambda: Float(0.0, 1.0, step=0.3), "0.9"),
    (lambda: Float(0.0, 1.0, step=-0.1), "step"),
    (lambda: Float(0.0, 1.0, step=2.0), "step"),
    (lambda: Float(math.nan, 1.0), "low"),
    (lambda: Float(0.0, math.inf), "high"),
    (lambda: Float("0", 1.0), "low"),
    (lambda: Float(True, 2.0), "low"),
    (lambda: Float(0.0, 1.0, log="yes"), "log"),
    (lambda: Int(1.0, 3), "low"),
    (lambda: Int(1, 10, step=4), "step"),
    (lambda: Int(5, 1), "low"),
    (lambda: Int(0, 10, log=True), "low"),
    (lambda: Categorical([]), "choices"),
    (lambda: Categorical(["a"]), "choices"),
    (lambda: Categorical(["a", "a"]), "twice"),
    (lambda: Categorical("ab"), "choices"),
    (lambda: Categorical([1, object()]), "choices[1]"),
    (lambda: Ordinal([1, 1]), "values"),
    (lambda: Ordinal([1.0, math.nan]), "values[1]"),
    (lambda: Constant([1]), "value"),
    (lambda: Boolean(when={}), "when"),
    (lambda: Boolean(when={"a": []}), "when"),
    (lambda: Boolean(when="a"), "when"),
    (lambda: Float(0.0, 1.0, when={"a": object()}), "when"),
]


@pytest.mark.parametrize(("make", "named"), BAD)
def test_mistakes_are_named(make, named):
    with pytest.raises(InvalidArgument) as caught:
        make()
    message = str(caught.value)
    assert named in message
    assert "expected" in message
    assert "got" in message
