"""Trials, their outcomes and the goal that compares them."""

import ast
import dataclasses
import itertools
import math
import pickle
from pathlib import Path

import numpy as np
import pytest

import tfbo
from tfbo.trial import Failure, Goal, Measurement, Trial, measure, outcome_of

NO_VALUES = [None, math.nan, math.inf, -math.inf]
NUMBERS = [-1e308, -2.0, -5e-324, 0.0, 5e-324, 1.0, 1.0 + 2.0**-52, 1e308]
DIRECTIONS = pytest.mark.parametrize("direction", ["minimize", "maximize"])


@DIRECTIONS
def test_better_is_a_strict_order_and_numbers_are_comparable(direction):
    better, values = Goal(direction).better, NUMBERS + NO_VALUES
    assert not any(better(a, a) for a in values)
    assert not any(better(a, b) and better(b, a) for a, b in itertools.product(values, repeat=2))
    for a, b, c in itertools.product(values, repeat=3):
        assert better(a, c) or not (better(a, b) and better(b, c))
    assert all(better(a, b) or better(b, a) for a, b in itertools.permutations(NUMBERS, 2))


@DIRECTIONS
def test_whatever_is_no_number_is_worse_than_any(direction):
    better = Goal(direction).better
    for a, b in itertools.product(NO_VALUES, NUMBERS + NO_VALUES):
        assert not better(a, b)
    assert all(better(a, b) for a, b in itertools.product(NUMBERS, NO_VALUES))


def test_the_sign_makes_larger_better_and_turns_one_goal_into_the_other():
    low, high = Goal("minimize"), Goal("maximize")
    assert low.better(1.0, than=2.0) and high.better(2.0, than=1.0)
    for a, b in itertools.product(NUMBERS, repeat=2):
        for goal in (low, high):
            assert goal.better(a, b) == (goal.sign * a > goal.sign * b)
        assert low.better(a, b) == high.better(-a, -b)


@DIRECTIONS
def test_trials_are_sorted_best_first_and_equal_ones_by_number(direction):
    values = [2.0, None, -1.0, 2.0, None, 7.0, -1.0]
    trials = [
        Trial(i, {}, "failed" if value is None else "complete", value=value)
        for i, value in enumerate(values)
    ][::-1]
    numbers = [trial.number for trial in sorted(trials, key=Goal(direction).rank)]
    best_first = [2, 6, 0, 3, 5] if direction == "minimize" else [5, 0, 3, 2, 6]
    assert numbers == [*best_first, 1, 4]


@DIRECTIONS
def test_a_value_of_an_earlier_step_is_ranked_after_those_of_the_last(direction):
    states = ["paused", "stopped", "complete", "complete"]
    values = [-9.0, 9.0, 1.0, 1.0]
    trials = [Trial(i, {}, *of) for i, of in enumerate(zip(states, values, strict=True))]
    numbers = [trial.number for trial in sorted(trials, key=Goal(direction).rank)]
    assert numbers == [2, 3, 0, 1]


def test_steps_trained_are_those_of_all_runs():
    again = Trial(0, {}, "running", start=3, until=9, spent=3, curve={1: 0.5, 3: 0.4, 5: 0.3})
    assert again.trained == 3 + 2
    assert dataclasses.replace(again, state="paused", spent=9).trained == 9
    over = dataclasses.replace(again, start=0, spent=1 + 3)
    assert over.trained == 1 + 3 + 5
    assert Trial(0, {}, "complete", value=1.0).trained == 0
    assert Trial(0, {}, "stopped", value=0.4, curve={2: 0.6, 4: 0.4}).trained == 4


@DIRECTIONS
def test_the_best_so_far_never_gets_worse(direction):
    values = np.random.default_rng(0).normal(size=50)
    extreme = np.minimum if direction == "minimize" else np.maximum
    np.testing.assert_array_equal(Goal(direction).best_so_far(values), extreme.accumulate(values))


def test_a_study_and_its_mirror_image_try_the_same():
    space = tfbo.Space({"x": tfbo.Float(0.0, 1.0), "kind": tfbo.Categorical(["a", "b", "c"])})

    def run(direction):
        study = tfbo.Study(space, direction=direction, seed=3)
        for number in range(14):
            trial = study.ask()
            if number in (4, 7):
                study.tell(trial, math.nan)
            elif number != 9:  # which stays pending
                value = (trial.params["x"] - 0.3) ** 2 + (trial.params["kind"] == "b")
                study.tell(trial, value if direction == "minimize" else -value, std=0.01)
        return study

    low, high = run("minimize"), run("maximize")
    assert [t.params for t in low.trials] == [t.params for t in high.trials]
    assert low.best_trial.number == high.best_trial.number
    assert low.best_value == -high.best_value
    there = [trial.params for trial in low.trials]
    np.testing.assert_array_equal(low.predict(there).mean, -high.predict(there).mean)
    np.testing.assert_array_equal(low.predict(there).std, high.predict(there).std)


@dataclasses.dataclass(frozen=True)
class Longer(Trial):
    """A trial as it may look one day."""

    fidelity: int = 1


RUNNING = Longer(3, {"x": 1.0}, started=5.0, notes={"from": "here"}, fidelity=7)
OUTCOMES = [
    Measurement((0.5,), (None,)),
    Measurement((0.5,), (0.1,)),
    Failure("error", "because", "line 1"),
    Failure("killed", "its process died"),
]


@pytest.mark.parametrize("outcome", OUTCOMES, ids=str)
@pytest.mark.parametrize("before", OUTCOMES, ids=str)
def test_an_outcome_takes_the_place_of_another_and_touches_nothing_else(outcome, before):
    finished = outcome.finish(before.finish(RUNNING, 6.0), 8.0)
    assert finished == outcome.finish(RUNNING, 8.0)
    kept = {"state": "running", "finished": None, "value": None, "std": None}
    kept |= {"kind": None, "reason": None, "traceback": None}
    assert dataclasses.replace(finished, **kept) == RUNNING
    assert finished.is_presumed == outcome.is_presumed
    assert pickle.loads(pickle.dumps(outcome)) == outcome


def test_what_was_returned_is_in_the_finished_trial():
    trial = measure(np.float32(0.5), std=2).finish(RUNNING, 8.0)
    assert (trial.state, trial.value, trial.std, trial.finished) == ("complete", 0.5, 2.0, 8.0)
    assert (trial.kind, trial.reason, trial.traceback) == (None, None, None)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_a_failure_whatever_its_error(value):
    assert measure(value, std=math.nan) == Failure("nan", f"the value was {value}")


def test_what_was_raised_is_in_the_failed_trial():
    class ResourceExhaustedError(Exception):
        """As TensorFlow calls it."""

    kinds = {
        MemoryError("full"): "out of memory",
        ResourceExhaustedError("full"): "out of memory",
        TimeoutError("late"): "timeout",
        KeyError("x"): "error",
    }
    for error, kind in kinds.items():
        trial = Failure.of(error).finish(RUNNING, 8.0)
        assert (trial.state, trial.kind, trial.value) == ("failed", kind, None)
        assert trial.reason == f"{type(error).__name__}: {error}"
        assert trial.traceback.rstrip().endswith(str(error))
        assert Failure.of(error, "killed").kind == "killed"
    assert Failure.of(ValueError("one\ntwo")).reason == "ValueError: one"
    assert Failure.of(ValueError()).reason == "ValueError"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"value": "0.5"}, "value"),
        ({"value": None}, "value"),
        ({"value": True}, "value"),
        ({"value": [0.5, 1.0]}, "value"),
        ({"value": 0.5, "state": "failed"}, "value"),
        ({"value": 0.5, "std": -1.0}, "std"),
        ({"value": 0.5, "std": math.nan}, "std"),
        ({"value": 0.5, "std": "0.1"}, "std"),
        ({"std": 0.1, "state": "failed"}, "std"),
        ({"value": 0.5, "state": "done"}, "state"),
        ({"value": 0.5, "kind": "error"}, "state"),
        ({"value": 0.5, "reason": "fine"}, "state"),
        ({"state": "failed", "kind": "oom"}, "kind"),
    ],
)
def test_an_argument_that_cannot_be_is_named(arguments, named):
    names = ("value", "std", "state", "kind", "reason", "traceback")
    with pytest.raises(tfbo.InvalidArgument, match=f"^{named}: expected "):
        outcome_of(**dict.fromkeys(names) | arguments)


def test_a_direction_is_compared_in_one_place():
    """Elsewhere there are the arguments of the public functions, and names of other libraries."""
    package = Path(tfbo.__file__).parent
    written = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and node.value in ("minimize", "maximize")
    }
    public = {"__init__.py", "study/minimize.py", "cli/demo.py"}
    theirs = {"keras/objective.py", "integrations/ray/metrics.py"}
    assert written == {"trial/goal.py"} | public | theirs
