"""What a tuner says by itself: one line for each thing that a user should know."""

import json
import re
import warnings

import keras
import numpy as np
import pytest

import tfbo
import tfbo.keras as kt

X, Y = np.ones((8, 2)), np.ones((8, 1))


def boxed(function, base=kt.RandomSearch, **settings):
    class Box(base):
        def run_trial(self, trial, *args, **kwargs):
            return function(trial.hyperparameters)

    return Box(**settings)


def lines(capsys):
    printed = capsys.readouterr()
    assert printed.out == ""
    return printed.err.splitlines()


def test_a_trial_is_shown_before_it_runs_with_the_best_so_far(capsys):
    shown = []

    def function(hp):
        x, kind = hp.Float("x", 0.25, 0.25), hp.Choice("kind", ["a\nb"])
        shown.extend(lines(capsys))
        return len(shown) * x if kind else None

    boxed(function, max_trials=1).search()
    assert shown == [r"trial   0 (1 of 1) tries the defaults"]
    after = lines(capsys)
    assert len(after) == 1 and after[0].startswith("trial   0: 0.25 in")
    shown.clear()
    hp = kt.HyperParameters()
    hp.Float("x", 0.0, 1.0)
    hp.Fixed("name", "a\nb")
    boxed(lambda hp: hp.get("x"), kt.GridSearch, hyperparameters=hp, max_trials=2).search()
    first, _, second, _ = lines(capsys)
    assert first == r"trial   0 (1 of 2) tries x=0, name=a\nb"
    assert second.startswith("trial   1 (2 of 2) tries x=") and second.endswith(
        ", best 0 (trial 0)"
    )


def test_the_best_so_far_may_be_a_trial_that_goes_on(capsys):
    function = lambda hp: (hp.Float("x", 0.0, 1.0) - 0.3) ** 2
    tuner = boxed(function, kt.BayesianOptimization, max_epochs=9, max_trials=4, seed=0)
    tuner.search()
    printed = lines(capsys)
    shown = [float(re.search(r"best (\S+) ", line)[1]) for line in printed if ", best " in line]
    assert len(shown) >= 4 and shown == sorted(shown, reverse=True)
    assert any(re.search(r"at epoch \d+ \(paused\)", line) for line in printed)


def test_a_search_that_goes_on_or_is_finished_says_so(tmp_path, capsys):
    def tuner(**settings):
        function = lambda hp: hp.Int("x", 1, 99)
        return boxed(function, directory=tmp_path, project_name="p", seed=0, **settings)

    tuner(max_trials=2).search(verbose=0)
    assert lines(capsys) == []
    more = tuner(max_trials=3)
    more.search()
    first, *rest = lines(capsys)
    assert len(rest) == 2
    assert first.startswith("going on with a search that has 2 of 3 trials in ")
    assert str(tmp_path) in first and ", best " in first
    for finished in (more, tuner(max_trials=3)):
        finished.search()
        (only,) = lines(capsys)
        assert only.startswith("all 3 trials have been run already, best ")
        assert "raise max_trials=" in only and "overwrite=True" in only
        finished.search(verbose=0)
        assert lines(capsys) == []
    tuner(max_trials=1, overwrite=True).search()
    assert len(lines(capsys)) == 2


def test_a_space_that_is_exhausted_before_max_trials_says_so(capsys):
    tuner = boxed(lambda hp: hp.Int("x", 1, 2), max_trials=5, seed=0)
    tuner.search()
    last = lines(capsys)[-1]
    assert last == "every configuration of the space has been tried: the search ends after 2 trials"


def test_a_range_that_changes_from_one_build_to_the_next_is_told_once():
    def function(hp):
        n = hp.Int("n", 1, 30)
        return hp.Int("k", 1, n, default=1)

    tuner = boxed(function, max_trials=6, seed=0)
    with pytest.warns(
        tfbo.TFBOWarning, match=r"range of 'k' changed(.|\n)*searched(.|\n)*ignored"
    ) as found:
        tuner.search(verbose=0)
    assert len(found) == 1
    first = next(t for t in tuner.oracle.trials.values())
    high = first.hyperparameters.get("n")
    text = str(found[0].message)
    assert f"max_value: {high}" in text and text.count("max_value") == 2


def test_a_range_that_is_given_beforehand_overrides_without_a_word(tmp_path):
    given = kt.HyperParameters()
    given.Int("x", 1, 3)

    def tuner():
        settings = {"hyperparameters": given, "max_trials": 2, "directory": tmp_path}
        return boxed(lambda hp: hp.Int("x", 1, 99), **settings, project_name="p")

    with warnings.catch_warnings():
        warnings.simplefilter("error", tfbo.TFBOWarning)
        tuner().search(verbose=0)
        again = tuner()
        again.oracle.max_trials = 3
        again.search(verbose=0)
    assert sorted(t.params["x"] for t in again.study.trials) == [1, 2, 3]


@pytest.mark.parametrize(
    "variable", ["KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT", "KERASTUNER_TUNER_ID"]
)
def test_variables_of_chief_and_workers_are_told_to_have_no_effect(variable, monkeypatch):
    monkeypatch.setenv(variable, "127.0.0.1")
    with pytest.warns(tfbo.TFBOWarning, match=rf"{variable}: .*searches by itself"):
        tuner = boxed(lambda hp: hp.Int("x", 1, 9), max_trials=1)
    tuner.search(verbose=0)
    assert len(tuner.study) == 1


def test_a_logger_is_told_to_have_no_effect():
    with pytest.warns(tfbo.TFBOWarning, match=r"logger= has no effect.*callbacks"):
        boxed(lambda hp: 1.0, max_trials=1, logger=object())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        boxed(lambda hp: 1.0, max_trials=1, logger=None)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_keras_tuner_is_neither_read_nor_changed(overwrite, tmp_path):
    theirs = {
        "oracle.json": {},
        "tuner0.json": {},
        "trial_0/trial.json": {},
        "trial_0/checkpoint": {},
    }
    for name, content in theirs.items():
        (tmp_path / "p" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "p" / name).write_text(json.dumps(content))

    def tuner():
        function = lambda hp: hp.Int("x", 1, 9)
        place = {"directory": tmp_path, "project_name": "p", "overwrite": overwrite}
        return boxed(function, max_trials=1, **place)

    with pytest.warns(tfbo.TFBOWarning, match=r"search of KerasTuner \(1 trials\).*project_name"):
        tuner().search(verbose=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", tfbo.TFBOWarning)
        assert len(tuner().study) == (0 if overwrite else 1)  # it was told when the search began
    assert all((tmp_path / "p" / name).read_text() == "{}" for name in theirs)


def fails(hp):
    raise NameError(f"name 'undefined' is not defined ({hp.Int('x', 1, 99) and 'always'})")


@pytest.mark.parametrize("retries", [0, 1])
@pytest.mark.parametrize("max_trials", [1, 2])
def test_a_search_of_which_every_trial_failed_ends_with_the_first_traceback(max_trials, retries):
    tuner = boxed(fails, max_trials=max_trials, max_retries_per_trial=retries)
    text = rf"All {max_trials} trials of the search failed(.|\n)*Traceback(.|\n)*NameError: name 'undef"
    with pytest.warns(tfbo.TFBOWarning, match="NameError"), pytest.raises(RuntimeError, match=text):
        tuner.search(verbose=0)
    with pytest.raises(RuntimeError, match=text):
        tuner.search(verbose=0)  # not as if it were well because nothing is left to do


def test_whoever_wants_to_go_on_is_warned():
    tuner = boxed(fails, max_trials=4, max_consecutive_failed_trials=None)
    with pytest.warns(tfbo.TFBOWarning) as found:
        tuner.search(verbose=0)
    texts = [str(warning.message) for warning in found]
    assert sum("All 4 trials" in text and "Traceback" in text for text in texts) == 1
    assert (
        len({text for text in texts if text.startswith("A trial failed (error): NameError")}) == 1
    )


def test_failures_on_purpose_and_a_search_with_a_success_end_well():
    def function(hp):
        x = hp.Int("x", 1, 2)
        if x == 1:
            raise kt.errors.FailedTrialError("too slow")
        return x

    with warnings.catch_warnings():
        warnings.simplefilter("error", tfbo.TFBOWarning)
        tuner = boxed(function, kt.GridSearch)
        tuner.search(verbose=0)
    assert sorted(t.state for t in tuner.study.trials) == ["complete", "failed"]


def test_a_score_that_is_no_number_is_told():
    tuner = boxed(lambda hp: float("nan"), max_trials=1)
    with (
        pytest.warns(tfbo.TFBOWarning, match="default_objective was nan"),
        pytest.raises(RuntimeError),
    ):
        tuner.search(verbose=0)


def test_a_model_that_is_too_large_only_once_it_is_built():
    def build_model(hp):
        model = keras.Sequential([keras.layers.Dense(hp.Choice("units", [1, 500]))])
        model.compile("sgd", "mse", run_eagerly=True)
        return model

    tuner = kt.GridSearch(build_model, "loss", max_model_size=100)
    tuner.search(X, Y, verbose=0)
    statuses = {t.hyperparameters.get("units"): t for t in tuner.oracle.trials.values()}
    assert statuses[1].status == "COMPLETED" and statuses[500].status == "FAILED"
    assert "1500 parameters" in statuses[500].message
