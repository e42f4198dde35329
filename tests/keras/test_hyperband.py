"""`kt.Hyperband`: what KerasTuner promises of it, and what is better here."""

import collections

import keras
import numpy as np
import pytest

import tfbo
import tfbo.keras as kt

X, Y = np.ones((8, 3), "float32"), np.ones((8, 1), "float32")


class Counted(kt.Hyperband):
    """Scores that rise from trial to trial; remembers the stages."""

    def run_trial(self, trial, *args, **kwargs):
        hp = trial.hyperparameters
        hp.Float("a", -100.0, 100.0)
        self.stages = [*getattr(self, "stages", []), dict(hp.values)]
        return {"score": float(len(self.stages))}


def counted(tmp_path=None, **settings):
    objective = kt.Objective("score", "max")
    return Counted(
        objective=objective, directory=tmp_path, seed=0, **{"sampler": "random", **settings}
    )


def begin(tuner, name):
    return tuner.oracle.create_trial(name)


def end(tuner, trial, score=1.0):
    tuner.oracle.update_trial(trial.trial_id, {"score": score})
    trial.status = "COMPLETED"
    tuner.oracle.end_trial(trial)


def values(stages, name):
    return [stage[f"tuner/{name}"] for stage in stages]


# Bracket, round, first and last epoch, and how many of them.
SWEEPS = [
    (
        {"max_epochs": 9, "factor": 3},
        [(2, 0, 0, 1, 9), (2, 1, 1, 3, 3), (2, 2, 3, 9, 1), (1, 0, 0, 3, 5), (1, 1, 3, 9, 2),
         (0, 0, 0, 9, 3)],
    ),
    (
        {"max_epochs": 4, "factor": 2},
        [(2, 0, 0, 1, 4), (2, 1, 1, 2, 2), (2, 2, 2, 4, 1), (1, 0, 0, 2, 3), (1, 1, 2, 4, 2),
         (0, 0, 0, 4, 3)],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "expected"), SWEEPS)
@pytest.mark.parametrize("iterations", [1, 2])
def test_a_sweep_is_that_of_keras_tuner(settings, expected, iterations):
    tuner = counted(hyperband_iterations=iterations, **settings)
    tuner.search(verbose=0)
    names = ("bracket", "round", "initial_epoch", "epochs")
    found = collections.Counter(zip(*(values(tuner.stages, name) for name in names), strict=True))
    assert found == {tuple(row[:4]): iterations * row[4] for row in expected}
    brackets = [row[0] for row in expected for _ in range(row[4])]
    assert values(tuner.stages, "bracket") == iterations * brackets
    assert begin(tuner, "tuner0").status == "STOPPED"
    assert tuner.oracle.get_best_trials()[0].score == len(tuner.stages)
    for stage in tuner.stages:
        assert ("tuner/trial_id" in stage) == (stage["tuner/round"] > 0)


def test_those_that_go_on_are_the_best_of_their_round():
    tuner = counted(max_epochs=9)
    tuner.search(verbose=0)
    # Scores rise, so that the last three of the first nine go on, and of these the one that was last.
    stages = tuner.stages
    assert sorted(values(stages[9:12], "trial_id")) == ["0006", "0007", "0008"]
    assert values(stages[12:13], "trial_id") == [stages[11]["tuner/trial_id"]]
    assert stages[12]["a"] == stages[int(stages[12]["tuner/trial_id"])]["a"]


def test_workers_are_idle_only_while_others_run():
    hp = kt.HyperParameters()
    hp.Float("a", -100.0, 100.0)
    tuner = counted(max_epochs=4, factor=2, hyperparameters=hp)
    first = [begin(tuner, f"tuner{i}") for i in range(10)]
    assert [trial.status for trial in first] == ["RUNNING"] * 10
    assert begin(tuner, "tuner10").status == "IDLE"
    for trial in first:
        end(tuner, trial)
    second = [begin(tuner, f"tuner{i}") for i in range(4)]
    assert [trial.status for trial in second] == ["RUNNING"] * 4
    assert begin(tuner, "tuner10").status == "IDLE"
    for trial in second:
        end(tuner, trial)
    last = begin(tuner, "tuner0")
    assert last.hyperparameters.values["tuner/epochs"] == 4
    assert begin(tuner, "tuner10").status == "IDLE"
    end(tuner, last)
    assert begin(tuner, "tuner10").status == "STOPPED"


def test_a_small_space_is_searched_to_the_last_epoch():
    """Where KerasTuner ends after the first round."""

    class Small(kt.Hyperband):
        def run_trial(self, trial, *args, **kwargs):
            return float(trial.hyperparameters.Boolean("bool"))

    tuner = Small(max_epochs=8, sampler="random", seed=0)
    tuner.search(verbose=0)
    epochs = [
        trial.hyperparameters.values["tuner/epochs"] for trial in tuner.oracle.trials.values()
    ]
    assert sorted(epochs) == [3, 8]
    assert tuner.get_best_hyperparameters()[0].values["tuner/epochs"] == 8


def test_a_search_that_is_stored_goes_on(tmp_path):
    whole = counted(tmp_path / "whole", max_epochs=9)
    whole.search(verbose=0)
    stages = []
    for _ in range(100):
        tuner = counted(tmp_path / "parts", max_epochs=9)
        tuner.stages = stages
        if not tuner._run_next():  # noqa: SLF001
            break
        stages = tuner.stages
    assert stages == whole.stages
    assert len(tuner.oracle.trials) == len(whole.oracle.trials) == 9 + 5 + 3
    assert set(tuner.oracle.end_order) == set(whole.oracle.end_order)


BAD = [
    ({"factor": 1}, "factor"), ({"max_epochs": 1}, "max_epochs"), ({"sampler": "grid"}, "sampler"),
    ({"hyperband_iterations": -1}, "iterations"),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "named"), BAD)
def test_mistakes_are_named(settings, named):
    with pytest.raises(ValueError, match=named):
        counted(**settings)


def test_after_the_first_bracket_the_model_chooses(monkeypatch):
    asked = []

    def suggest(self, problem, state, *, pending, number, q):
        asked.append((self.n_initial, len(state.trials)))
        begun = self.initial.fold(problem, None, state.trials)
        return self.initial.suggest(problem, begun, pending=pending, number=number, q=q)

    monkeypatch.setattr(tfbo.strategies.Bayes, "suggest", suggest)
    tuner = counted(max_epochs=9, sampler="model")
    tuner.search(verbose=0)
    assert {n_initial for n_initial, _ in asked} == {3}  # four times as many in stages
    assert max(known for _, known in asked) >= 14


def build_model(hp):
    model = keras.Sequential([keras.Input((3,))])
    for i in range(hp.Int("layers", 1, 2)):
        model.add(keras.layers.Dense(hp.Int(f"units{i}", 1, 5), activation="relu"))
    model.add(keras.layers.Dense(1, activation="sigmoid"))
    model.compile("adam", "mse", run_eagerly=True)
    return model


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    keras.utils.set_random_seed(0)
    tuner = kt.Hyperband(
        build_model, "val_loss", max_epochs=4, factor=2, seed=0, sampler="random",
        directory=tmp_path_factory.mktemp("hyperband"), project_name="searched",
    )  # fmt: skip
    tuner.search(X, Y, validation_data=(X, Y), verbose=0, epochs=99)
    return tuner


def test_hyperparameters_that_come_late_are_there(searched):
    assert {"layers", "units0", "units1"} <= {d.name for d in searched.oracle.get_space().space}


def test_epochs_are_those_of_the_schedule(searched):
    spent = collections.Counter(trial.spent for trial in searched.study.trials)
    assert spent == {1: 2, 2: 1 + 1, 4: 1 + 2 + 3}
    for trial in searched.study.trials:
        assert list(trial.curve) == list(range(1, trial.spent + 1))


def test_the_best_model_is_that_of_the_best_score(searched):
    best = searched.oracle.get_best_trials()[0]
    model = searched.get_best_models()[0]
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(best.score, rel=1e-5)
    assert best.score == min(trial.value for trial in searched.study.trials)


def test_nothing_is_kept_to_go_on_from_once_it_is_over(searched):
    finished = [trial for trial in searched.study.trials if trial.is_finished]
    kept = {int(path.parent.name) for path in searched._project.path.glob("trials/*/stage*")}  # noqa: SLF001
    assert len(finished) == len(searched.study.trials) and kept == set()


def test_the_summary_shows_epochs(searched, capsys):
    searched.results_summary(1)
    printed = capsys.readouterr().out
    assert "tuner/epochs: 4" in printed and "Score: " in printed
