"""Scalars of other libraries: what they stand for, and what is none."""

import datetime
import enum
import math
from decimal import Decimal
from fractions import Fraction

import keras
import numpy as np
import pandas
import pytest
import tensorflow as tf

import tfbo
from tfbo._arguments import plain
from tfbo.trial import Failure, Measurement, measure


class Text(str, enum.Enum):
    A = "a"

    def __str__(self):
        return "another one"


class Whole(enum.IntEnum):
    TWO = 2


class Flags(enum.IntFlag):
    ONE = 1
    TWO = 2


class Real(float, enum.Enum):
    HALF = 0.5


class Neither(enum.Enum):
    TWO = 2


class Name(str):
    pass


class Torch:
    """A tensor of PyTorch of one element: with a gradient or on a GPU, numpy() raises; item() does not."""

    def __init__(self, *elements, error=RuntimeError("Can't call numpy() on Tensor")):
        self.elements, self.error = elements, error
        self.shape = (len(elements),) if len(elements) > 1 else ()
        self.dtype = "torch.float32"

    def numpy(self):
        raise self.error

    def item(self):
        if len(self.elements) > 1:
            raise RuntimeError("a Tensor with 2 elements cannot be converted to Scalar")
        return self.elements[0]

    def __float__(self):
        return float(self.item())


def kind(value):
    return type(value).__name__


NUMBERS = [
    (0.5, 0.5),
    (3, 3.0),
    (np.float32(0.5), 0.5),
    (np.longdouble(0.5), 0.5),
    (np.int8(3), 3.0),
    (np.array(0.5), 0.5),
    (np.array([0.5]), 0.5),
    (np.array([[0.5]]), 0.5),
    (np.array(Decimal("0.5"), dtype=object), 0.5),
    (tf.constant(0.5), 0.5),
    (tf.constant([0.5]), 0.5),
    (tf.constant(0.5, tf.bfloat16), 0.5),
    (tf.Variable(0.5), 0.5),
    (keras.Variable(0.5), 0.5),
    (Torch(0.5), 0.5),
    (Torch(0.5, error=TypeError("can't convert cuda:0 device type tensor to numpy")), 0.5),
    (pandas.Series([0.5], index=["loss"]), 0.5),
    (Decimal("0.5"), 0.5),
    (Fraction(1, 2), 0.5),
    (Whole.TWO, 2.0),
    (Real.HALF, 0.5),
    (10**400, math.inf),
    (-(10**5000), -math.inf),
    (Fraction(-(10**400)), -math.inf),
    (float("nan"), math.nan),
    (Decimal("nan"), math.nan),
    (np.ma.masked, math.nan),
    (np.ma.array([1.0], mask=[True]), math.nan),
]

NO_NUMBERS = [
    True, np.bool_(True), np.array(True), np.array([True]), tf.constant(True), Torch(True),
    None, "0.5", np.str_("0.5"), np.array("0.5"), tf.constant("0.5"), b"1", bytearray(b"1"),
    memoryview(b"1"), 1j, np.complex64(1.0), np.clongdouble(1.0), np.array(1.0 + 0.0j),
    [0.5], (0.5,), {"loss": 0.5}, Neither.TWO,
    np.array([0.5, 1.0]), np.array([]), tf.constant([0.5, 1.0]), Torch(0.5, 1.0), pandas.Series([0.5, 1.0]),
    pandas.NA, pandas.NaT, pandas.Timedelta(5), np.timedelta64(5, "s"), np.timedelta64(5, "ns"),
    np.datetime64("2020-01-01", "ns"), np.array(["2020-01-01"], "datetime64[ns]"), datetime.timedelta(1),
    keras.KerasTensor((1,)), float, np.float64,
]  # fmt: skip


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("value", "number"), NUMBERS, ids=kind)
def test_any_number_of_one_element_is_told_as_a_float(value, number):
    outcome = measure(value)
    if not math.isfinite(number):
        assert outcome == Failure("nan", f"the value was {number}")
        return
    assert outcome == Measurement((number,), (None,))
    assert type(outcome.values[0]) is float


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", NO_NUMBERS, ids=kind)
def test_whatever_is_no_number_is_refused_by_name(value):
    with pytest.raises(tfbo.InvalidArgument, match=r"^value: expected a number, got "):
        measure(value)
    with pytest.raises(tfbo.InvalidArgument, match=r"^x: expected "):
        tfbo.Float(0.0, 9.0).legal("x", value)
    with pytest.raises(tfbo.InvalidArgument, match=r"^x: expected "):
        tfbo.Int(0, 9).legal("x", value)


def test_what_a_device_reports_is_not_hidden():
    class Broken(Torch):
        def item(self):
            raise RuntimeError("CUDA error: out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        measure(Broken(0.5))


@pytest.mark.parametrize(
    ("value", "stands_for"),
    [
        (Text.A, "a"),
        (Name("a"), "a"),
        (np.str_("a"), "a"),
        (np.array("a"), "a"),
        (np.array(Text.A, dtype=object), "a"),
        (Whole.TWO, 2),
        (Flags.ONE | Flags.TWO, 3),
        (np.int64(2), 2),
        (np.array([2]), 2),
        (tf.constant(2), 2),
        (Torch(2), 2),
        (Real.HALF, 0.5),
        (np.float64(0.5), 0.5),
        (np.longdouble(0.5), 0.5),
        (np.bool_(True), True),
        (tf.constant(True), True),
    ],
    ids=kind,
)
def test_a_scalar_of_another_type_stands_for_one_of_python(value, stands_for):
    found = plain(value)
    assert (type(found), found) == (type(stands_for), stands_for)


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"a",
        1j,
        Neither.TWO,
        Decimal(1),
        [1],
        np.array([1, 2]),
        np.datetime64("2020"),
        np.int64,
    ],
    ids=kind,
)
def test_anything_else_stays_what_it_is(value):
    assert plain(value) is value
