"""Constraints of a space: what they let through, what contradicts, and that they stay with the space."""

import itertools
import math
import pickle
import time

import pytest

import tfbo
from tfbo import Boolean, Categorical, Constant, Float, Int, InvalidArgument, Ordinal, Space
from tfbo.space import Expression

NETWORK = {
    "layers": Int(1, 6),
    "units": Int(32, 512, step=32),
    "use_dropout": Boolean(),
    "dropout": Float(0.0, 0.6, when={"use_dropout": True}),
    "batch": Ordinal([16, 32, 64]),
    "kind": Categorical(["a", "b"]),
    "learning rate": Float(1e-5, 1e-1, log=True),
}
LEGAL = {
    "layers": 2,
    "units": 64,
    "use_dropout": False,
    "batch": 16,
    "kind": "a",
    "learning rate": 0.01,
}


def is_even(params):
    return params["layers"] % 2 == 0


def test_the_first_that_is_broken_is_named_with_both_sides():
    space = Space(NETWORK, ["layers * units <= 1024", "`learning rate` * batch >= 0.02", is_even])
    assert space.breaks(LEGAL) is None
    assert space.breaks({**LEGAL, "units": 512, "layers": 3}) == (
        "layers * units <= 1024 (1536 <= 1024 is false)"
    )
    assert "predicate is_even, test_constraints.py" in space.breaks({**LEGAL, "layers": 1})
    with pytest.raises(
        InvalidArgument, match=r"^here: .*`learning rate` \* batch >= 0.02 \(0.0016 >="
    ):
        space.validate({**LEGAL, "learning rate": 1e-4}, "here")
    assert space.validate({**LEGAL, "layers": 1}, constrained=False)["layers"] == 1


def test_values_that_are_numbers():
    space = Space(
        {
            "b": Boolean(), "o": Ordinal([1, 2.5, 4]), "c": Categorical([3, 1]), "k": Constant(2),
            "x": Float(0, 9),
        },
        ["b + o + c * k <= x"],
    )  # fmt: skip
    assert space.breaks({"b": True, "o": 2.5, "c": 3, "k": 2, "x": 9.0}) == (
        "b + o + c * k <= x (9.5 <= 9.0 is false)"
    )
    assert space.breaks({"b": False, "o": 2.5, "c": 3, "k": 2, "x": 9.0}) is None


def test_inactive_parameters_drop_out():
    space = Space(NETWORK, ["units * (1 - dropout) >= 40"])
    assert space.breaks({**LEGAL, "units": 64}) is None
    assert space.breaks({**LEGAL, "units": 64, "use_dropout": True, "dropout": 0.5}) is not None
    assert space.breaks({**LEGAL, "units": 32}) is not None


@pytest.mark.parametrize(
    ("constraints", "message"),
    [
        ("layers <= 3", r"^constraints: expected a list.*got 'layers <= 3'"),
        (is_even, r"^constraints: expected a list"),
        (3, r"^constraints: expected a list"),
        ({"layers": 3}, r"^constraints: expected a list"),
        ([3], r"^constraints\[0\]: expected a text, or a function"),
        ([None], r"^constraints\[0\]: expected a text, or a function"),
        (["layers <= 3", int], r"^constraints\[1\]: expected a function"),
        (["layers <= 3", "layers < 2"], r"^constraints\[1\]: .*column 8.*Write <="),
        (["layer <= 3"], r"^constraints\[0\]: expected names of parameters.*got 'layer'.*mean 'layers'"),
        (["learning * rate <= 3"], r"^constraints\[0\]: .*got 'learning'.*in backticks: `learning rate`"),
        (["units + kind <= 3"], r"^constraints\[0\]: .* that are numbers.*Categorical.*predicate"),
        (["layers * units <= 16"], r"^constraints: .*layers \* units <= 16.*at least 32.*at most 16"),
        (["log(layers - 6) >= -9"], r"left side has no value"),
        (["1 / (layers - layers) >= 0", "layers <= 3"], r"None of the 6 combinations of layers"),
        (["units + 2 * batch == 97"], r"differ by 1 or more"),
        (["0.5 * units == 100.5"], r"differ by 4.5 or more"),
        (["layers * layers == 5"], r"None of the 6 combinations"),
        (["layers <= 2", "layers >= 3"], r"got 'layers <= 2 and layers >= 3'.*'layers' no value"),
        (["`learning rate` <= 0.01", "batch * 2 <= 64", "100 * `learning rate` >= batch - 14"],
         r"Together they leave"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(constraints, message):
    with pytest.raises(InvalidArgument, match=message):
        Space(NETWORK, constraints)


def test_what_can_be_met_is_not_refused():
    for constraints in (
        ["layers * units <= 32"],
        ["units + 2 * batch == 96"],
        ["dropout >= 5"],  # holds where there is none
        ["layers + dropout >= 7", "layers <= 6"][:1],
        ["layers <= 3", "layers >= 3"],
        ["`learning rate` >= 0.1"],
        ["`learning rate` == 0.1"],
        ["sqrt(layers - 6) <= 0"],
        ["layers / (units - 32) <= 1"],
    ):
        if constraints == ["layers + dropout >= 7"]:
            with pytest.raises(InvalidArgument):
                Space(NETWORK, constraints)
            continue
        assert [one.text for one in Space(NETWORK, constraints).constraints] == constraints


def test_a_finite_space_without_a_configuration_is_refused():
    parameters = {f"x{i}": Int(0, 3) for i in range(6)}
    with pytest.raises(InvalidArgument, match="No configuration of the space meets them together"):
        Space(parameters, ["x0 * x1 == 2", "x0 * x1 * x2 == 3"])
    with pytest.raises(InvalidArgument, match="meets them together"):
        Space({"x": Int(0, 3)}, [lambda p: p["x"] > 3])


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda p: p["y"], r"<lambda>, test_constraints.py:\d+: .*KeyError\('y'\).*params.get"),
        (lambda p: p["x"], r"expected a predicate that returns True or False, got 0"),
        (lambda p: None, "got None"),
    ],
)
def test_a_predicate_that_fails_is_named(function, message):
    with pytest.raises(InvalidArgument, match=message):
        Space({"x": Int(0, 3)}, [function])


def test_a_predicate_cannot_change_a_configuration():
    space = Space({"x": Int(0, 3)}, [lambda p: p.update(x=9) is None])
    assert space.validate({"x": 1}) == {"x": 1}


FINITE = Space(
    {
        "a": Int(0, 5),
        "b": Float(0.0, 1.0, step=0.25),
        "on": Boolean(),
        "c": Int(1, 4, when={"on": True}),
        "free": Int(0, 2),
    },
    ["a * b + c <= 4", "a + c >= 3"],
)


def test_grid_and_cardinality_are_those_of_every_configuration_that_holds():
    unconstrained = Space(dict(FINITE.items()))
    every = list(unconstrained.grid(2))
    held = [
        p for p in every
        if p["a"] * p["b"] + p.get("c", 0) <= 4 and p["a"] + p.get("c", 0) >= 3
    ]  # fmt: skip
    assert list(FINITE.grid(2)) == held
    assert FINITE.cardinality == len(held) < len(every)
    assert all(FINITE.validate(p) == p for p in held)


def test_cardinality_counts_the_connected_parameters_alone():
    many = {f"x{i}": Int(0, 9) for i in range(30)}
    assert Space(many, ["x0 + x1 <= 3"]).cardinality == 10 * 10**28
    assert Space(many, ["x0 + x1 + x2 + x3 + x4 + x5 <= 3"]).cardinality == 10**30, "an upper bound"
    assert Space({**many, "y": Float(0, 1)}, ["x0 + x1 <= 3"]).cardinality == math.inf
    predicate = Space({"x": Int(0, 9), "y": Int(0, 9)}, [lambda p: p["x"] < p["y"]])
    assert predicate.cardinality == 45 == len(list(predicate.grid(2)))


def test_a_grid_with_few_that_hold_is_found_by_its_beginnings():
    space = Space(
        {f"x{i}": Int(0, 9) for i in range(12)}, [f"x{i} <= x{i + 1} - 1" for i in range(8)]
    )
    start = time.perf_counter()
    first = next(space.grid(2))
    assert [first[f"x{i}"] for i in range(9)] == list(range(9))
    assert time.perf_counter() - start < 10.0


@pytest.mark.parametrize(
    ("parameters", "constraints"),
    [
        ({f"x{i}": Float(0.0, 1.0) for i in range(400)}, ["+".join(f"x{i}" for i in range(400)) + " == 1"]),
        ({f"x{i}": Int(0, 10**6) for i in range(30)}, [f"x{i} * x{i + 1} <= 10" for i in range(29)]),
        ({f"x{i}": Int(0, 9) for i in range(60)},
         [f"x{i} + x{j} <= 17" for i, j in itertools.combinations(range(60), 2)]),
        ({"x": Int(1, 9), "y": Int(1, 9)}, ["x**y**x**y <= 9**9**9**9"]),
        ({"x": Int(10**300, 10**301, step=10**300)}, ["x * x * x >= 1"]),
        ({"x": Float(-1e308, 1e308), "y": Float(-1e308, 1e308)}, ["x + y == 1", "x * y <= 1e300"]),
    ],
)  # fmt: skip
def test_making_a_space_takes_no_time(parameters, constraints):
    start = time.perf_counter()
    space = Space(parameters, constraints)
    space.cardinality  # noqa: B018
    assert time.perf_counter() - start < 10.0


def test_it_is_a_part_of_the_space():
    texts = ["layers * units <= 1024", "batch <= 32"]
    space, other = Space(NETWORK, texts), Space(NETWORK, texts[:1])
    assert space == Space(NETWORK, texts) and hash(space) == hash(Space(NETWORK, texts))
    assert space != other and space != Space(NETWORK)
    assert space.constraints == tuple(map(Expression.parse, texts))
    for again in (Space.from_json(space.to_json()), pickle.loads(pickle.dumps(space))):
        assert again == space and again.breaks({**LEGAL, "batch": 64}) is not None
    assert eval(repr(space), vars(tfbo).copy()) == space
    assert Space(NETWORK).to_json() == Space(NETWORK, []).to_json()
    assert "constraints" not in Space(NETWORK).to_json() and "constraints" not in repr(
        Space(NETWORK)
    )


def test_differences_and_extensions():
    space, other = Space(NETWORK, ["batch <= 32"]), Space(NETWORK, ["batch <= 16", is_even])
    lines = space.difference(other)
    assert lines == [
        "constraints: ['batch <= 32'] here, ['batch <= 16'] there",
        "predicates: 0 here, 1 there",
    ]
    assert space.difference(space) == [] and not space.is_extension_of(other)
    grown = space.extended({"depth": Int(1, 3)})
    assert grown.constraints == space.constraints and grown.later == {"depth"}
    assert grown.is_extension_of(space) and not grown.is_extension_of(Space(NETWORK))
    assert grown != space and Space.from_json(grown.to_json()) == grown


def test_predicates_are_given_again():
    space = Space(NETWORK, [is_even, "batch <= 32"])
    assert space.constraints[0].text == "batch <= 32", "texts come first"
    assert '"predicates": 1' in space.to_json()
    read = Space.from_json(space.to_json())
    assert read.missing == 1 and space.missing == 0 and read != space
    assert read.is_extension_of(space) and space.difference(read) == []
    assert read.with_predicates([is_even]) == space
    for wrong in ([], [is_even, is_even]):
        with pytest.raises(InvalidArgument, match=r"predicates: expected 1 function.*Study.load"):
            read.with_predicates(wrong)
    with pytest.raises(InvalidArgument, match=r"predicates\[0\]: expected a function"):
        read.with_predicates(["batch <= 3"])
    assert pickle.loads(pickle.dumps(space)) == space and pickle.loads(pickle.dumps(read)) == read


@pytest.mark.parametrize(
    "part",
    ['"constraints": "x <= 1"', '"constraints": [1]', '"constraints": ["x < 1"]',
     '"constraints": ["y <= 1"]', '"predicates": -1', '"predicates": "one"', '"predicates": true',
     '"constraints": {"x <= 1": 1}',
     '"constraints": ["x >= 2"]'],
)  # fmt: skip
def test_damaged_json_is_refused(part):
    text = Space({"x": Float(0.0, 1.0)}).to_json()
    with pytest.raises(InvalidArgument):
        Space.from_json(text[:-1] + ", " + part + "}")
