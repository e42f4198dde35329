"""What subclasses of KerasTuner's classes override: it acts, or it is refused with what to do."""

import pytest

import tfbo
import tfbo.keras as kt
from tfbo.keras.base_tuner import BaseTuner
from tfbo.keras.trial import TrialStatus


def space():
    hp = kt.HyperParameters()
    kind = hp.Choice("kind", ["a", "b"])
    with hp.conditional_scope("kind", ["b"]):
        hp.Int("depth", 1, 5)
    hp.Float("x", 0.0, 1.0)
    hp.Float("rate", 1e-3, 1e-1, sampling="reverse_log")
    assert kind == "a"
    return hp


class Box(kt.Tuner):
    def run_trial(self, trial, **kwargs):
        return trial.hyperparameters.get("x")


def oracle_of(answers, base=kt.Oracle, **settings):
    """An oracle that gives answers one after the other."""

    class Own(base):
        ids = []

        def populate_space(self, trial_id):
            self.ids.append(trial_id)
            answer = answers.pop(0)
            return super().populate_space(trial_id) if answer == "super" else answer

    Own.ids = []
    return Own(hyperparameters=space(), **settings)


def run(values, status="RUNNING"):
    return {"status": status, "values": values}


def values(tuner):
    return [trial.hyperparameters.values for trial in tuner.oracle.trials.values()]


def test_populate_space_says_what_is_tried_and_when_the_search_is_over(tmp_path):
    answers = [
        run({"x": 0.25}),
        run({"kind": "b", "depth": 3, "x": 1}),
        run(None),
        run(None, "STOPPED"),
    ]
    oracle = oracle_of(answers, max_trials=9)
    tuner = Box(oracle, directory=tmp_path)
    tuner.search(verbose=0)
    assert oracle.ids == [*oracle.trials, "3"] == ["0", "1", "2", "3"]
    assert values(tuner) == [
        {"kind": "a", "x": 0.25, "rate": pytest.approx(1e-3)},
        {"kind": "b", "depth": 3, "x": 1.0, "rate": pytest.approx(1e-3)},
        {"kind": "a", "x": 0.0, "rate": pytest.approx(1e-3)},
    ]
    assert [trial.params["x"] for trial in tuner.study.trials] == [0.25, 1.0, 0.0]
    assert tuner.study.trials[1].value == 1.0 and tuner.study.best_trial.number == 2


def test_an_oracle_that_is_idle_is_asked_again(monkeypatch):
    slept = []
    monkeypatch.setattr("tfbo.keras.base_tuner.time.sleep", slept.append)
    answers = [run({"x": 0.5}), run(None, "IDLE"), run(None, "IDLE"), run({"x": 0.75})]
    tuner = Box(oracle_of(answers, max_trials=2))
    tuner.search(verbose=0)
    assert [v["x"] for v in values(tuner)] == [0.5, 0.75] and len(slept) == 2


@pytest.mark.parametrize(
    "base", [kt.oracles.RandomSearchOracle, kt.oracles.BayesianOptimizationOracle, kt.Oracle]
)
def test_the_suggestions_of_the_base_class_are_at_hand(base):
    def searched(oracle):
        tuner = Box(oracle)
        tuner.search(verbose=0)
        return [trial.params for trial in tuner.study.trials]

    plain = searched(base(hyperparameters=space(), max_trials=4, seed=0))
    mixed = searched(
        oracle_of(["super", run({"x": 0.5}), "super", "super"], base, max_trials=4, seed=0)
    )
    assert mixed[0] == plain[0] and mixed[1]["x"] == 0.5
    assert searched(oracle_of(["super"] * 4, base, max_trials=4, seed=0)) == plain


def test_what_is_suggested_may_be_changed_or_left(tmp_path):
    class Rounds(kt.oracles.RandomSearchOracle):
        def populate_space(self, trial_id):
            answer = super().populate_space(trial_id)
            if len(self.trials) == 2:
                return {"status": "STOPPED"}
            answer["values"]["x"] = round(answer["values"]["x"], 1)
            return answer

    tuner = Box(Rounds(hyperparameters=space(), seed=0), directory=tmp_path)
    tuner.search(verbose=0)
    assert len(values(tuner)) == 2
    for trial, found in zip(tuner.study.trials, values(tuner), strict=False):
        assert trial.params["x"] == found["x"] == round(found["x"], 1)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (None, "returned None.*Is a return missing"),
        ({"values": {}}, '"status": "RUNNING"'),
        (run({}, "DONE"), "'RUNNING', 'IDLE', 'STOPPED', got 'DONE'"),
        (run([0.5]), "values by name"),
        (run({"y": 0.5}), "no hyperparameter 'y'"),
        (run({"x": 1.5}), r"Float\(name: 'x'.*got 1.5"),
        (run({"x": "much"}), "not legal|got 'much'"),
        (run({"kind": "c"}), "'c'"),
        (run({"kind": "b", "depth": 2.5}), r"Int\(name: 'depth'.*got 2.5"),
    ],
)
def test_an_answer_that_means_nothing_says_so(answer, text):
    tuner = Box(oracle_of([answer], max_trials=3))
    with pytest.raises((TypeError, ValueError), match=text):
        tuner.search(verbose=0)
    assert len(tuner.study) == 0


def test_a_trial_that_was_interrupted_comes_before_a_new_answer(tmp_path):
    stop = [True]

    class Stops(Box):
        def run_trial(self, trial, **kwargs):
            if stop.pop() if stop else False:
                raise KeyboardInterrupt
            return super().run_trial(trial)

    def tuner(answers):
        return Stops(oracle_of(answers, max_trials=2), directory=tmp_path, project_name="p")

    with pytest.raises(KeyboardInterrupt):
        tuner([run({"x": 0.5})]).search(verbose=0)
    again = tuner([run({"x": 0.25})])
    again.search(verbose=0)
    assert [v["x"] for v in values(again)] == [0.5, 0.25]


def test_random_values_are_at_hand_and_differ():
    class Random(kt.Oracle):
        def populate_space(self, trial_id):
            drawn = self._random_values()
            return {"status": "STOPPED"} if drawn is None else run(drawn)

    hp = kt.HyperParameters()
    hp.Int("x", 1, 4)
    tuner = Box(Random(hyperparameters=hp, seed=0))
    tuner.search(verbose=0)
    assert sorted(v["x"] for v in values(tuner)) == [1, 2, 3, 4]


def test_score_trial_says_what_a_trial_is_worth():
    class Twice(kt.oracles.RandomSearchOracle):
        def score_trial(self, trial):
            super().score_trial(trial)
            trial.score *= 2

    tuner = Box(Twice(hyperparameters=space(), max_trials=3, seed=0))
    tuner.search(verbose=0)
    for trial in tuner.study.trials:
        assert trial.value == 2 * trial.params["x"]


def test_states_are_stored_and_handed_back(tmp_path):
    class Counts(kt.oracles.RandomSearchOracle):
        count = 0

        def create_trial(self, tuner_id):
            self.count += 1
            return super().create_trial(tuner_id)

        def get_state(self):
            return {**super().get_state(), "count": self.count}

        def set_state(self, state):
            super().set_state(state)
            assert len(self.trials) == 2, "the trials are there already"
            self.count = state["count"]

    class Notes(Box):
        notes = ()

        def get_state(self):
            return {"notes": list(self.notes)}

        def set_state(self, state):
            self.notes = state["notes"]

        def run_trial(self, trial, **kwargs):
            self.notes = [*self.notes, trial.trial_id]
            return super().run_trial(trial)

    def tuner(max_trials, **settings):
        oracle = Counts(hyperparameters=space(), max_trials=max_trials)
        return Notes(oracle, directory=tmp_path, project_name="p", **settings)

    tuner(2).search(verbose=0)
    again = tuner(3)
    assert again.oracle.count == 2 and again.notes == ["0", "1"]
    again.search(verbose=0)
    assert again.notes == ["0", "1", "2"]
    assert tuner(3, overwrite=True).notes == ()


class Minus(kt.Objective):
    """An objective of its own: the larger of two, turned."""

    def has_value(self, logs):
        return "a" in logs and "b" in logs

    def get_value(self, logs):
        return -max(logs["a"], logs["b"])


def test_methods_of_an_objective_act():
    class Pair(Box):
        def run_trial(self, trial, **kwargs):
            x = trial.hyperparameters.get("x")
            return {"a": x, "b": 0.5}

    tuner = Pair(kt.Oracle(Minus("turned", "min"), max_trials=3, hyperparameters=space()))
    tuner.search(verbose=0)
    for trial in tuner.study.trials:
        assert trial.value == -max(trial.params["x"], 0.5)


# Every other method of KerasTuner 1.4.8 that a subclass may have.
CALLED = {
    kt.Oracle: (
        "create_trial", "update_trial", "end_trial", "score_trial", "populate_space", "get_space",
        "update_space", "get_best_trials", "save", "reload", "get_state",
    ),
    BaseTuner: (
        "run_trial", "pre_create_trial", "on_trial_begin", "on_trial_end", "on_search_begin",
        "on_search_end", "save", "get_state", "_populate_initial_space", "_run_and_update_trial",
        "_try_run_and_update_trial",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("base", "name"), [(b, name) for b, names in CALLED.items() for name in names]
)
def test_a_method_that_is_overridden_is_called(base, name, tmp_path):
    called = []

    def override(self, *args, **kwargs):
        called.append(name)
        return getattr(super(type(self), self), name)(*args, **kwargs)

    oracle_class = type("Own", (kt.Oracle,), {name: override} if base is kt.Oracle else {})
    tuner_class = type("Own", (Box,), {name: override} if base is BaseTuner else {})
    oracle = oracle_class("default_loss", max_trials=1, hyperparameters=space())
    tuner = tuner_class(oracle, directory=tmp_path)
    tuner.search(verbose=0)
    assert called and len(tuner.study) == 1


REFUSED = {
    kt.Oracle: ("_populate_space", "_score_trial", "_random_values", "_retry", "_save_trial"),
    kt.oracles.BayesianOptimizationOracle: ("_make_gpr", "_vectorize_trials"),
    kt.oracles.GridSearchOracle: ("_get_next_combination",),
    Box: (
        "_activate_all_conditions",
        "_deepcopy_callbacks",
        "_get_checkpoint_fname",
        "project_dir",
    ),
}


@pytest.mark.parametrize(
    ("base", "name"), [(b, name) for b, names in REFUSED.items() for name in names]
)
def test_a_method_that_nothing_calls_is_refused_with_what_to_do(base, name):
    own = type("Own", (base,), {name: lambda self, *args: None})
    with pytest.raises(tfbo.InvalidArgument, match=rf"Own\.{name}: nothing .*Override .* instead"):
        if base is Box:
            own(kt.Oracle(hyperparameters=space()))
        else:
            Box(own(hyperparameters=space()))


def test_helpers_of_an_own_populate_space_are_its_own_business():
    class Own(kt.Oracle):
        def populate_space(self, trial_id):
            return run(self._random_values())

        _populate_space = populate_space

        def _random_values(self):
            return {"x": 0.5}

    tuner = Box(Own(max_trials=1, hyperparameters=space()))
    tuner.search(verbose=0)
    assert tuner.study.trials[0].params["x"] == 0.5


def test_hyperparameters_with_methods_of_their_own_are_refused():
    class Prepared(kt.HyperParameters):
        def __init__(self):
            super().__init__()
            self.Int("x", 1, 3)

    class Doubled(Prepared):
        def Int(self, name, low, high):  # noqa: N802
            return 2 * super().Int(name, low, high)

    assert kt.Oracle(hyperparameters=Prepared()).get_space().get("x") == 1
    with pytest.raises(tfbo.InvalidArgument, match="Doubled overrides Int"):
        kt.Oracle(hyperparameters=Doubled())


def test_statuses_are_text():
    assert (TrialStatus.RUNNING, TrialStatus.IDLE, TrialStatus.STOPPED) == (
        "RUNNING",
        "IDLE",
        "STOPPED",
    )
