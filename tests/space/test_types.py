"""Values keep their types through JSON, or are refused when they are defined."""

import datetime
import enum
import json
import os
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import tfbo
import tfbo.keras as kt


class Act(str, enum.Enum):
    """As a StrEnum, which Python has since 3.11."""

    RELU = "relu"
    GELU = "gelu"

    def __str__(self):
        return "no value of it"


class Units(enum.IntEnum):
    FEW = 16
    MANY = 64


class Whole(int, enum.Enum):
    ONE = 1
    TWO = 2


class Rate(float, enum.Enum):
    LOW = 0.25
    HIGH = 0.5


class Name(str):
    pass


class Colour(enum.Enum):
    RED = 1


FOREIGN = [
    None, True, 1, 1.0, "\ud800", "\x00", "", "é", "日本", *Act, *Units, *Whole, *Rate, Colour.RED,
    Name("relu"), np.str_("relu"), np.int8(1), np.uint64(2**64 - 1), np.float32(0.1), np.longdouble(0.1),
    np.bool_(True), np.array(3), np.array([3]), np.array([1, 2]), tf.constant(3), tf.constant("relu"),
    b"relu", bytearray(b"relu"), (1, 2), [1], {"a": 1}, {1}, frozenset(), int, print, object(),
    Decimal("0.1"), Fraction(1, 3), 1j, np.complex64(1), float("nan"), float("inf"), -0.0, 5e-324,
    1.7976931348623157e308, 2**63, -(2**64), 10**308, 10**309, 10**5000,
    datetime.date(2020, 1, 1), np.datetime64("2020-01-01", "ns"), np.timedelta64(1, "ns"),
]  # fmt: skip
anything = st.one_of(
    st.sampled_from(FOREIGN),
    st.text(max_size=4),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
)


def exactly(params):
    """Values to the type and the last digit."""
    return {name: (type(value), repr(value)) for name, value in params.items()}


@settings(max_examples=150)
@given(st.lists(anything, min_size=2, max_size=4), st.sampled_from(["categorical", "ordinal"]))
def test_what_was_asked_for_is_what_is_stored_or_it_is_refused(values, kind):
    make = tfbo.Categorical if kind == "categorical" else tfbo.Ordinal
    try:
        listed = make(values)
        constant = tfbo.Constant(values[-1])
    except tfbo.InvalidArgument:
        return
    child = tfbo.Boolean(when={"x": [values[0], values[-1]]})
    space = tfbo.Space({"x": listed, "fixed": constant, "child": child})
    assert tfbo.Space.from_json(space.to_json()) == space
    study = tfbo.Study(space, seed=0, strategy=tfbo.strategies.Random())
    for value in (values[0], values[-1]):
        study.enqueue({"x": value, "fixed": values[-1], "child": np.bool_(False)})
    asked = study.ask(3)
    for trial in asked:
        assert {type(value) for value in trial.params.values()} <= {
            str,
            int,
            float,
            bool,
            type(None),
        }
        assert trial.params["x"] == space["x"].legal("x", trial.params["x"])
    reopened = tfbo.Study(space, storage=study.stored_trials.storage, seed=0)
    assert [exactly(t.params) for t in reopened.trials] == [exactly(t.params) for t in asked]


@pytest.mark.parametrize("members", [Act, Units, Whole, Rate])
def test_members_of_an_enum_are_what_they_are_equal_to(members, tmp_path):
    space = {
        "x": tfbo.Categorical(members),
        "y": tfbo.Ordinal(list(members)),
        "z": tfbo.Constant(next(iter(members))),
        "child": tfbo.Float(0.0, 1.0, when={"x": list(members)[1]}),
        "other": tfbo.Float(0.0, 1.0, when={"y": set(members)}),
    }
    first, second = members
    seen = []

    def objective(params):
        seen.append(exactly(params))
        assert members(params["x"]) in members
        return float(params["x"] == first)

    for n in (3, 6):  # the second time from the file
        path = tmp_path / "runs.db"
        study = tfbo.Study(
            tfbo.Space(space), storage=path, seed=0, strategy=tfbo.strategies.Random()
        )
        study.enqueue({"x": second, "y": first, "z": first, "child": 0.5, "other": np.float32(0.5)})
        study.optimize(objective, total=n)
    trials = tfbo.Study.load(storage=path).trials
    assert [exactly(trial.params) for trial in trials] == seen
    assert trials[0].params["x"] == second and "child" in trials[0].params
    assert type(trials[0].params["x"]) in (str, int, float)


def test_names_may_be_members_of_an_enum():
    class Key(str, enum.Enum):
        RATE = "rate"
        ON = "on"

    space = tfbo.Space(
        {Key.ON: tfbo.Boolean(), Key.RATE: tfbo.Float(0.0, 1.0, when={Key.ON: True})}
    )
    assert [type(name) for name in space] == [str, str]
    assert f"{next(iter(space))}" == "on"
    assert space == tfbo.Space.from_json(space.to_json())
    assert space.validate({Key.ON: True, Key.RATE: 0.5}) == {"on": True, "rate": 0.5}
    grown = space.extended({Key.RATE: space["rate"], Name("more"): tfbo.Boolean()})
    assert [type(name) for name in [*grown, *grown.later]] == [str] * 4


def test_a_study_may_be_named_by_members_of_an_enum(tmp_path):
    class Run(str, enum.Enum):
        NAME = "näme"
        DIRECTION = "maximize"
        KIND = "timeout"

    for name in (Run.NAME, np.str_("other")):
        study = tfbo.Study(
            tfbo.Space({"x": tfbo.Boolean()}), name=name, direction=Run.DIRECTION, seed=Units.FEW,
            storage=tmp_path / "runs.db", strategy=tfbo.strategies.Random(),
        )  # fmt: skip
        study.tell(study.ask(), state="failed", kind=Run.KIND, reason=np.str_("late"))
        study.tell(np.int64(study.ask().number), np.float32(0.5), std=np.array([0.25]))
        found = tfbo.Study.load(storage=tmp_path / "runs.db", name=name)
        assert repr((found.name, found.direction, found.seed)) == repr(
            (str.__str__(name), "maximize", 16)
        )
        failed, complete = found.trials
        assert repr((failed.kind, failed.reason)) == "('timeout', 'late')"
        assert repr((complete.value, complete.std)) == "(0.5, 0.25)"
    with pytest.raises(tfbo.InvalidArgument, match=r"^name: expected text without lone surrogates"):
        tfbo.Study(tfbo.Space({"x": tfbo.Boolean()}), name="\udcff")


def test_objectives_may_be_members_of_an_enum():
    class Aim(str, enum.Enum):
        GAIN = "gain"
        UP = "maximize"

    study = tfbo.Study(
        tfbo.Space({"x": tfbo.Boolean()}),
        objectives={Aim.GAIN: Aim.UP, np.str_("cost"): np.str_("minimize")},
        reference={"gain": np.float32(0.0), Aim("gain"): 0, "cost": np.int64(4)},
        strategy=tfbo.strategies.Random(),
    )
    study.tell(study.ask(), {Aim.GAIN: np.float32(1.0), "cost": 2})
    assert repr(study.objectives) == "{'gain': 'maximize', 'cost': 'minimize'}"
    assert repr(study.trials[0].values) == "{'gain': 1.0, 'cost': 2.0}"
    assert study.hypervolume() == 2.0


def test_an_enum_that_is_no_scalar_is_refused_with_a_way_out():
    with pytest.raises(tfbo.InvalidArgument, match=r"name, 'RED', here and Colour\[name\]"):
        tfbo.Constant(Colour.RED)


@pytest.mark.parametrize(
    "make", [tfbo.Categorical, tfbo.Ordinal, lambda v: kt.HyperParameters().Choice("x", v)]
)
def test_a_set_has_another_order_in_each_process(make):
    with pytest.raises(tfbo.InvalidArgument, match="A set has another order in each process"):
        make({"a", "b"})
    make(dict.fromkeys(["a", "b"]).keys())


def test_a_condition_on_a_set_is_the_same_in_each_process():
    script = (
        "import tfbo; names = [f'choice {i}' for i in range(9)]; print(tfbo.Space({'x': "
        "tfbo.Categorical(names), 'y': tfbo.Boolean(when={'x': set(names[:5])})}).to_json())"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", script], env={**os.environ, "PYTHONHASHSEED": seed},
            check=True, capture_output=True,
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(texts) == 1


def test_a_whole_number_that_python_cannot_print_is_an_error_like_any_other():
    for make in (
        lambda: tfbo.Categorical([1, 10**5000]),
        lambda: tfbo.Int(0, 10**5000),
        lambda: tfbo.Float(0.0, 1.0).legal("x", 10**5000),
        lambda: tfbo.Ordinal([1, 2]).legal("x", 10**5000),
    ):
        with pytest.raises(tfbo.InvalidArgument, match="of type int, which Python cannot show"):
            make()


@pytest.mark.parametrize(
    "value", [np.array([1, 2]), tf.constant([1, 2]), Decimal("sNaN"), object()]
)
def test_an_illegal_value_of_any_type_is_an_error_like_any_other(value):
    for parameter in (
        tfbo.Ordinal([1, 2]),
        tfbo.Boolean(),
        tfbo.Constant(1),
        tfbo.Int(1, 2),
        tfbo.Float(0, 1),
    ):
        with pytest.raises(tfbo.InvalidArgument, match=r"^x: expected"):
            parameter.legal("x", value)


def test_hyperparameters_keep_their_types_through_json():
    hp = kt.HyperParameters()
    values = {
        "act": hp.Choice("act", Act, default=Act.GELU),
        "units": hp.Choice("units", np.array([16, 32]), default=np.float32(32)),
        "mixed": hp.Choice("mixed", [1, 0.5, "a"], default=1.0),
        "whole": hp.Int("whole", np.int64(1), Units.MANY, default=np.float64(5.0)),
        "real": hp.Float("real", Rate.LOW, Fraction(3, 4), default=tf.constant(0.5)),
        "flag": hp.Boolean("flag", default=np.bool_(True)),
        "fixed": hp.Fixed("fixed", Act.RELU),
    }
    assert exactly(values) == exactly(
        {
            "act": "gelu",
            "units": 32,
            "mixed": 1,
            "whole": 5,
            "real": 0.5,
            "flag": True,
            "fixed": "relu",
        }
    )
    with hp.conditional_scope("act", Act.GELU):
        assert hp.Int("inside", 1, 3) == 1
    hp.values["act"], hp.values["whole"] = Act.GELU, np.int64(7)
    assert hp.Int("beside", 1, 3, parent_name="act", parent_values={Act.GELU, "none"}) == 1
    again = kt.HyperParameters.from_config(json.loads(json.dumps(hp.get_config())))
    assert exactly(again.values) == exactly(
        {**values, "act": "gelu", "whole": 7, "inside": 1, "beside": 1}
    )
    assert [d.get_config() for d in again.space] == [d.get_config() for d in hp.space]


def test_a_search_of_keras_resumes_with_members_of_an_enum(tmp_path):
    class Tuner(kt.RandomSearch):
        def run_trial(self, trial, *args, **kwargs):
            hp = trial.hyperparameters
            act = hp.Choice("act", list(Act))
            with hp.conditional_scope("act", [Act.GELU]):
                units = hp.Choice("units", list(Units)) if act == Act.GELU else 0
            return float(units)

    seen = []
    for trials in (4, 8):
        tuner = Tuner(max_trials=trials, directory=tmp_path, project_name="enums", seed=0)
        tuner.search(verbose=0)
        seen.append([exactly(t.hyperparameters.values) for t in tuner.oracle.trials.values()])
    assert seen[1][:4] == seen[0]
    assert {kind for trial in seen[1] for kind, _ in trial.values()} == {str, int}
