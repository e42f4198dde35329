import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tfbo
from tfbo import Boolean, Categorical, Constant, Float, Int, InvalidArgument, Ordinal, Space

NESTED = Space(
    {
        "kind": Categorical(["tree", "net", None]),
        "depth": Int(1, 4, when={"kind": "tree"}),
        "layers": Int(1, 3, when={"kind": ["net", None]}),
        "drop": Boolean(when={"kind": "net"}),
        "rate": Float(0.0, 0.5, step=0.25, when={"drop": True}),
        "fixed": Constant(7, when={"drop": False}),
        "both": Ordinal([16, 32], when={"drop": True, "layers": [2, 3]}),
    }
)


def brute_force(space):
    """All configurations by trying every combination of levels."""
    names = list(space)
    found = set()
    for combination in itertools.product(*(range(space[n].count) for n in names)):
        level = lambda n, i: space[n].value if isinstance(space[n], Constant) else space[n].level(i)
        values = {n: level(n, i) for n, i in zip(names, combination)}
        active = space.active(values)
        found.add(tuple((n, repr(values[n])) for n in active))
    return found


def test_cardinality_and_grid_agree_with_brute_force():
    expected = brute_force(NESTED)
    grid = [tuple((n, repr(v)) for n, v in p.items()) for p in NESTED.grid(2)]
    assert NESTED.cardinality == len(expected) == len(grid)
    assert set(grid) == expected
    assert all(NESTED.validate(params) == params for params in NESTED.grid(2))


def test_cardinality_of_a_large_space_is_immediate():
    many = Space({f"x{i}": Int(0, 9) for i in range(30)})
    assert many.cardinality == 10**30
    assert Space({"x": Float(0.0, 1.0)}).cardinality == math.inf


def test_a_true_and_a_one_are_two_conditions():
    space = Space(
        {
            "a": Categorical([1, True]),
            "b": Boolean(when={"a": 1}),
            "c": Ordinal([1, 2, 3], when={"a": True}),
        }
    )
    assert space.cardinality == 2 + 3 == len(list(space.grid(2)))


def test_a_grid_has_both_bounds():
    space = Space({"x": Float(1e-4, 1.0, log=True), "b": Boolean()})
    grid = list(space.grid(5))
    assert len(grid) == 10
    assert {p["x"] for p in grid} >= {1e-4, 1.0}


def test_json_both_ways_and_equality():
    again = Space.from_json(NESTED.to_json())
    assert again == NESTED
    assert hash(again) == hash(NESTED)
    assert repr(again) == repr(NESTED)
    assert eval(repr(NESTED), vars(tfbo).copy()) == NESTED


def test_order_counts():
    assert Space({"a": Boolean(), "b": Boolean()}) != Space({"b": Boolean(), "a": Boolean()})


def test_it_cannot_be_changed():
    with pytest.raises(AttributeError):
        NESTED.name = 1
    with pytest.raises(TypeError):
        NESTED["kind"] = Boolean()


def test_difference_is_readable():
    one = Space({"a": Boolean(), "x": Float(0.0, 1.0)})
    two = Space({"x": Float(0.0, 2.0), "c": Boolean()})
    text = "\n".join(one.difference(two))
    assert "a: Boolean() here, nothing there" in text
    assert "x: Float(0.0, 1.0) here, Float(0.0, 2.0) there" in text
    assert "c: nothing here, Boolean() there" in text
    assert one.difference(one) == []


def test_validation_returns_exact_values_in_order():
    params = {"rate": 0.25 + 1e-14, "drop": True, "layers": 1, "kind": "net"}
    assert list(NESTED.validate(params).items()) == [
        ("kind", "net"),
        ("layers", 1),
        ("drop", True),
        ("rate", 0.25),
    ]
    assert NESTED.validate({"kind": "net", "layers": 1, "drop": False})["fixed"] == 7


BAD = [
    (lambda: Space({}), "parameters"),
    (lambda: Space([Boolean()]), "parameters"),
    (lambda: Space({"": Boolean()}), "parameters"),
    (lambda: Space({"a": (0, 1)}), "'a'"),
    (lambda: Space({"a": Boolean(when={"b": 1})}), "'b'"),
    (lambda: Space({"use": Boolean(), "a": Boolean(when={"user": True})}), "Did you mean 'use'"),
    (lambda: Space({"a": Boolean(when={"a": True})}), "'a'"),
    (lambda: Space({"a": Boolean(when={"b": True}), "b": Boolean(when={"a": True})}), "->"),
    (lambda: Space({"x": Float(0, 1), "a": Boolean(when={"x": 0.5})}), "levels"),
    (lambda: Space({"b": Boolean(), "a": Boolean(when={"b": "yes"})}), "'b'"),
    (lambda: Space.from_json("{"), "text"),
    (lambda: Space.from_json('{"parameters": [{"name": "x", "kind": "Nothing"}]}'), "text"),
    (lambda: NESTED.validate({"kind": "tree"}), "depth"),
    (lambda: NESTED.validate({"kind": "tree", "depth": 9}), "depth"),
    (lambda: NESTED.validate({"kind": "tree", "depth": 1, "drop": True}), "not active"),
    (lambda: NESTED.validate({"kind": "tree", "dept": 1}), "Did you mean 'depth'"),
    (lambda: NESTED.validate({"kind": "bush"}), "kind"),
    (lambda: NESTED.validate([1]), "params"),
]


@pytest.mark.parametrize(("make", "named"), BAD)
def test_mistakes_are_named(make, named):
    with pytest.raises(InvalidArgument) as caught:
        make()
    assert named in str(caught.value)
    assert "expected" in str(caught.value)


@given(st.integers(0, 2**32 - 1))
def test_random_codes_decode_to_legal_configurations_and_back(seed):
    import numpy as np

    from tfbo.columns import snap
    from tfbo.space import encoding

    code = encoding(NESTED)
    rows = snap(code.columns, np.random.default_rng(seed).random([4, len(code.columns)]))
    configurations = code.decode(rows)
    assert [NESTED.validate(p) for p in configurations] == configurations
    np.testing.assert_allclose(code.encode(configurations), rows, rtol=0, atol=1e-12)


def test_inactive_columns_do_not_tell_points_apart():
    import numpy as np

    from tfbo.columns import snap
    from tfbo.space import encoding

    code = encoding(NESTED)
    row = np.full([1, len(code.columns)], 0.1)  # kind="tree": layers, drop, rate are inactive
    other = np.where(np.arange(len(code.columns)) < 2, row, 0.8)
    np.testing.assert_array_equal(snap(code.columns, row), snap(code.columns, other))
