"""Several objectives and constraints of an Optuna study."""

import math
import pickle

import pytest

optuna = pytest.importorskip("optuna")
from optuna.distributions import FloatDistribution  # noqa: E402
from optuna.storages import JournalStorage, RDBStorage  # noqa: E402
from optuna.storages.journal import JournalFileBackend  # noqa: E402
from optuna.trial import TrialState, create_trial  # noqa: E402

from tfbo import InvalidArgument  # noqa: E402
from tfbo.integrations.optuna import TFBOSampler, study_history  # noqa: E402
from tfbo.integrations.optuna.aims import StudyAims, constraint_values  # noqa: E402
from tfbo.strategies import Sobol  # noqa: E402

optuna.logging.set_verbosity(optuna.logging.ERROR)

SPACE = {"x": FloatDistribution(0.0, 5.0), "y": FloatDistribution(0.0, 3.0)}
TWO = ["minimize", "maximize"]
needs_set_constraint = pytest.mark.skipif(
    not hasattr(optuna.trial.Trial, "set_constraint"), reason="Optuna 5 has Trial.set_constraint"
)


class Listening(Sobol):
    """Keeps what it was given."""

    def fold(self, problem, state, told):
        self.told = [*(() if state is None else self.told), *told]
        return super().fold(problem, state, told)

    def suggest(self, problem, state, *, pending, number, q):
        self.problem, self.pending = problem, list(pending)
        return super().suggest(problem, state, pending=pending, number=number, q=q)


def make_study(sampler=None, **settings):
    return optuna.create_study(sampler=sampler or TFBOSampler(seed=0), **settings)


def made(values=None, state=TrialState.COMPLETE, x=0.5, **fields):
    attributes = {f"constraints:{name}": value for name, value in fields.pop("limits", {}).items()}
    return create_trial(
        state=state,
        values=values,
        params={"x": x, "y": 0.5},
        distributions=SPACE,
        system_attrs={**attributes, **fields.pop("system_attrs", {})},
        **fields,
    )


def heard(*trials, **settings):
    """The strategy of a study with these trials that was asked for one more."""
    strategy = Listening()
    study = make_study(TFBOSampler(seed=0, strategy=strategy), **settings)
    study.add_trials(trials)
    study.ask(SPACE)
    return strategy


def two_goals(trial):
    x, y = trial.suggest_float("x", 0.0, 5.0), trial.suggest_float("y", 0.0, 3.0)
    return 4.0 * (x**2 + y**2), -((x - 5.0) ** 2) - (y - 5.0) ** 2


def test_all_values_and_their_directions_are_told():
    strategy = heard(made([1.0, 2.0]), made([3.0, 4.0], x=0.7), directions=TWO)
    goals = strategy.problem.goals
    assert goals.directions == ("minimize", "maximize")
    assert goals.scores(strategy.told).tolist() == [[-1.0, 2.0], [-3.0, 4.0]]
    assert [trial.state for trial in strategy.told] == ["complete"] * 2


def test_an_infinite_value_is_a_failure_that_keeps_the_others():
    strategy = heard(made([1.0, 2.0]), made([math.inf, 4.0], x=0.7), directions=TWO)
    failed = strategy.told[1]
    assert failed.state == "failed"
    assert list(failed.values.values()) == [4.0]


@pytest.mark.filterwarnings("ignore:The value nan:UserWarning")
def test_trials_with_nan_or_without_values_are_failures():
    study = make_study(TFBOSampler(seed=0, strategy=(strategy := Listening())), directions=TWO)
    study.add_trial(made([1.0, 2.0]))
    study.tell(study.ask(SPACE), (math.nan, 1.0))
    study.tell(study.ask(SPACE), state=TrialState.PRUNED)
    study.ask(SPACE)
    assert [(t.state, t.values) for t in strategy.told[1:]] == [("failed", {})] * 2


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_names_of_metrics_may_be_those_of_constraints_and_equal():
    study = make_study(directions=TWO)
    study.set_metric_names(["constraint_0", "constraint_0"])
    study.add_trials([made([1.0, 2.0], limits={"constraint_0": 1.0})])
    aims = StudyAims.of(study, study.trials)
    assert len(set(aims.goals.names)) == 2
    assert not set(aims.goals.names) & set(aims.limits.names)


@pytest.mark.parametrize("directions", [["minimize"], TWO])
def test_constraints_of_trials_are_told_under_names_of_expressions(directions):
    values = [1.0, 2.0][: len(directions)]
    trials = [
        made(values, limits={"size of it": 2.5, "b": -1.0}),
        made(values, x=0.6, limits={"b": 0.0}),
        made(values, x=0.7, limits={"size of it": -0.5, "b": 0.0}),
        made(values, x=0.8),
    ]
    strategy = heard(*trials, directions=directions)
    constraints = strategy.problem.constraints
    assert constraints.names == ("constraint_0", "constraint_1")  # in the order "b", "size of it"
    assert [trial.is_feasible for trial in strategy.told] == [False, None, True, None]
    assert constraints.outcomes(strategy.told)[0].tolist() == [-1.0, 2.5]
    assert strategy.told[0].violations["constraint_1 <= 0"] == 2.5


@pytest.mark.filterwarnings("ignore:Overwrite:UserWarning")
def test_constraints_of_the_earlier_format_are_read():
    trial = made([1.0], system_attrs={"constraints": [1.0, -2.0]}, limits={"1": 3.0, "a": 0.0})
    assert constraint_values(trial) == {"0": 1.0, "1": 3.0, "a": 0.0}
    if hasattr(trial, "constraints"):
        with pytest.warns(UserWarning, match="Overwrite"):
            assert constraint_values(trial) == trial.constraints
    assert constraint_values(made([1.0], system_attrs={"constraints": None})) == {}


def test_a_failed_trial_tells_the_constraint_that_it_has():
    strategy = heard(
        made([1.0], limits={"a": -1.0}), made(state=TrialState.FAIL, x=0.6, limits={"a": 4.0})
    )
    assert (strategy.told[1].state, strategy.told[1].is_feasible) == ("failed", False)
    assert strategy.told[1].values == {"constraint_0": 4.0}


def test_an_infinite_constraint_is_a_failure_and_infeasible():
    strategy = heard(
        made([1.0], limits={"a": -1.0}),
        made([2.0], x=0.6, limits={"a": math.inf}),
        made([3.0], x=0.7, limits={"a": -math.inf}),
    )
    told = strategy.told
    assert [(t.state, t.is_feasible) for t in told[1:]] == [("failed", False), ("complete", True)]


def test_a_constraint_is_known_from_the_first_complete_trial_on():
    study = make_study(TFBOSampler(seed=0, strategy=(strategy := Listening())))
    study.add_trials([made([1.0]), made(state=TrialState.FAIL, x=0.6, limits={"a": 1.0})])
    study.ask(SPACE)
    assert strategy.problem.constraints is None
    study.add_trial(made([1.0], x=0.7, limits={"a": 1.0}))
    study.ask(SPACE)
    assert [trial.is_feasible for trial in strategy.told] == [None, False, False]


def test_reports_are_left_out_beside_constraints():
    trials = [
        made([1.0], limits={"a": 1.0}, intermediate_values={1: 2.0, 3: 1.0}),
        made([2.0], TrialState.PRUNED, x=0.6, intermediate_values={1: 2.0}),
    ]
    strategy = heard(*trials)
    assert strategy.problem.fidelity is None
    assert [trial.state for trial in strategy.told] == ["complete", "failed"]


def constrained(trial):
    """Gardner's: the best feasible value is 1.75."""
    x, y = trial.suggest_float("x", 0.0, 5.0), trial.suggest_float("y", 0.0, 3.0)
    trial.set_user_attr("limit", 2.0 - x - y)
    return x**2 + y


@pytest.mark.slow
def test_a_constraints_func_is_heeded():
    sampler = TFBOSampler(seed=0, constraints_func=lambda trial: (trial.user_attrs["limit"],))
    study = make_study(sampler)
    study.optimize(constrained, n_trials=20)
    assert study.best_trial.system_attrs["constraints"][0] <= 0.0
    assert study.best_value < 1.8
    assert sum(t.system_attrs["constraints"][0] <= 0.0 for t in study.trials[6:]) >= 7


@needs_set_constraint
@pytest.mark.slow
def test_constraints_that_trials_set_are_heeded():
    def objective(trial):
        value = constrained(trial)
        trial.set_constraint("sum", trial.user_attrs["limit"])
        return value

    study, other = make_study(), make_study(TFBOSampler(seed=0, constraints_func=limit))
    study.optimize(objective, n_trials=12)
    other.optimize(constrained, n_trials=12)
    assert [t.params for t in study.trials] == [t.params for t in other.trials]


def limit(trial):
    return [trial.user_attrs["limit"]]


@pytest.mark.parametrize(
    ("returned", "expected"), [([math.nan], ValueError), (3, TypeError), (["a"], TypeError)]
)
def test_a_constraints_func_that_returns_none_of_that(returned, expected):
    study = make_study(TFBOSampler(seed=0, constraints_func=lambda trial: returned))
    with pytest.raises(expected):
        study.optimize(constrained, n_trials=1)
    (trial,) = study.trials
    assert trial.system_attrs["constraints"] is None
    study.sampler = TFBOSampler(seed=0)
    study.optimize(constrained, n_trials=1)


def test_a_constraints_func_is_asked_of_complete_and_pruned_trials_only():
    asked = []

    def function(trial):
        asked.append(trial.number)
        return [0.0]

    study = make_study(TFBOSampler(seed=0, constraints_func=function))
    for state, value in ((TrialState.FAIL, None), (TrialState.PRUNED, None), (None, 1.0)):
        study.tell(study.ask(SPACE), value, state=state)
    assert asked == [1, 2]


def test_a_constraints_func_that_cannot_be_called_is_refused():
    with pytest.raises(InvalidArgument, match=r"^constraints_func: expected a function"):
        TFBOSampler(constraints_func=[1.0])


@pytest.mark.slow
def test_several_objectives_beat_random_search():
    def between(trial):
        """The front is the segment between two points, far from most of the cube."""
        x = [trial.suggest_float(name, 0.0, 1.0) for name in "abc"]
        return sum((v - 0.3) ** 2 for v in x), -sum((v - 0.7) ** 2 for v in x)

    volumes = {}
    for name, kind in (("tfbo", TFBOSampler), ("random", optuna.samplers.RandomSampler)):
        study = make_study(kind(seed=0), directions=TWO)
        study.optimize(between, n_trials=20)
        losses = [[t.values[0], -t.values[1]] for t in study.best_trials]
        volumes[name] = hypervolume(losses, [0.5, 0.5])
    assert volumes["tfbo"] > 1.1 * volumes["random"]


def hypervolume(losses, point):
    """The area that two losses leave to a point."""
    volume, height = 0.0, point[1]
    for first, second in sorted(losses):
        if first < point[0] and second < height:
            volume += (point[0] - first) * (height - second)
            height = second
    return volume


@pytest.mark.slow
def test_suggestions_are_the_same_with_a_sign_and_its_direction_turned():
    first = make_study(directions=TWO)
    second = make_study(directions=["minimize", "minimize"])
    first.optimize(two_goals, n_trials=8)

    def turned(trial):
        a, b = two_goals(trial)
        return a, -b

    second.optimize(turned, n_trials=8)
    assert [t.params for t in first.trials] == [t.params for t in second.trials]


def test_fits_go_on_in_another_process():
    study = make_study(directions=TWO)
    study.optimize(two_goals, n_trials=7)
    again = make_study(pickle.loads(pickle.dumps(study.sampler)), directions=TWO)
    again.add_trials(study.get_trials())
    assert study_history.recall(study.trials[-1])[1]
    assert study.ask(SPACE).params == again.ask(SPACE).params


def test_threads_enqueued_trials_and_those_of_other_samplers():
    study = make_study(optuna.samplers.RandomSampler(seed=0), directions=TWO)
    study.optimize(two_goals, n_trials=4)
    study.sampler = TFBOSampler(seed=0)
    study.enqueue_trial({"x": 1.25, "y": 0.75})
    study.enqueue_trial({"x": 2.5})
    study.optimize(two_goals, n_trials=8, n_jobs=2)
    assert study.trials[4].params == {"x": 1.25, "y": 0.75}
    assert study.trials[5].params["x"] == 2.5
    tried = {tuple(trial.params.values()) for trial in study.trials}
    assert len(tried) == len(study.trials) == 12
    assert all(trial.state == TrialState.COMPLETE for trial in study.trials)


def test_a_search_space_may_change():
    def objective(trial):
        x = trial.suggest_float("x", 0.0, 5.0 + trial.number % 2)
        if trial.suggest_categorical("kind", ["a", "b"]) == "a":
            return x, trial.suggest_float("y", 0.0, 3.0)
        return x, trial.suggest_int("n", 1, 3)

    study = make_study(
        TFBOSampler(seed=0, warn_independent_sampling=False), directions=["minimize"] * 2
    )
    study.optimize(objective, n_trials=9)
    assert all(trial.state == TrialState.COMPLETE for trial in study.trials)


def test_a_finite_space_is_tried_whole_and_then_again():
    def noisy(trial):
        kind = trial.suggest_categorical("kind", ["a", "b", "c"])
        return len(kind) + 0.01 * trial.number, -trial.number

    study = make_study(directions=TWO)
    study.optimize(noisy, n_trials=8)
    assert len({trial.params["kind"] for trial in study.trials[:3]}) == 3


@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_aims_come_from_any_storage(kind, tmp_path):
    path = str(tmp_path / "study")
    storage = {
        "sqlite": lambda: RDBStorage(f"sqlite:///{path}"),
        "journal": lambda: JournalStorage(JournalFileBackend(path)),
    }[kind]

    def objective(trial):
        trial.set_user_attr("limit", -1.0 + trial.suggest_float("x", 0.0, 5.0))
        return trial.params["x"], trial.suggest_float("y", 0.0, 3.0)

    sampler = TFBOSampler(seed=0, strategy=Sobol(), constraints_func=limit)
    study = make_study(sampler, storage=storage(), study_name="s", directions=TWO)
    study.optimize(objective, n_trials=3)
    strategy = Listening()
    sampler = TFBOSampler(seed=0, strategy=strategy)
    again = optuna.load_study(study_name="s", storage=storage(), sampler=sampler)
    again.ask(SPACE)
    assert [trial.violations["constraint_0 <= 0"] for trial in strategy.told] == [
        max(0.0, trial.user_attrs["limit"]) for trial in study.trials[:3]
    ]
