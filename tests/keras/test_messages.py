"""Mistakes and wishes that the public forums are full of, one by one."""

import threading

import keras
import numpy as np
import pytest

import tfbo.keras as kt
from tfbo.keras import results
from tfbo.keras.objective import create_objective, infer_metric_direction

X, Y = np.ones((8, 2)), np.ones((8, 1))


def build_model(hp):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(hp.Int("units", 1, 9))])
    model.compile("sgd", "mse", run_eagerly=True)
    return model


@pytest.mark.parametrize(
    ("names", "direction"),
    [
        (
            "val_f1 f1_score val_F1 val_auc auc_1 val_auc_12 precision_2 val_recall recall_1 "
            "val_head_accuracy val_out_1_auc_3 acc_5 val_dice_coef val_mean_iou roc_auc r2_score_1 "
            "true_positives sparse_top_k_categorical_accuracy_1 mcc val_kappa specificity",
            "max",
        ),
        (
            "loss val_loss loss_1 val_head_loss dense_1_loss mae_1 val_age_mae rmse val_rmse "
            "root_mean_squared_error false_positives val_false_negatives_2 dice_loss log_loss word_error",
            "min",
        ),
        (
            "val_mystery score custom mean val_sum neg_accuracy negative_auc 1 val_ accuracy_of_what f17 "
            "lr my_metric",
            None,
        ),
    ],
)
def test_the_direction_of_a_name(names, direction):
    assert {name: infer_metric_direction(name) for name in names.split()} == dict.fromkeys(
        names.split(), direction
    )
    if direction is None:
        with pytest.raises(ValueError, match=r'Objective\(.val_mystery., direction="min"\)'):
            create_objective("val_mystery")


@pytest.mark.parametrize(
    ("objective", "there", "expected"),
    [
        (
            "val_accuracy", "loss age_accuracy val_loss val_age_accuracy val_sex_accuracy",
            r"nearest: 'val_age_accuracy', 'val_sex_accuracy'.*their sum.*name of an output",
        ),
        ("val_auc", "loss auc_1 val_loss val_auc_1", r"nearest: 'val_auc_1'. Keras"),
        ("auc_2", "loss auc val_loss val_auc", r"nearest: 'auc'. Keras"),
        ("val_acc", "loss accuracy val_loss val_accuracy", r"nearest: 'val_accuracy'"),
        ("val_acuracy", "loss accuracy val_loss val_accuracy", r"nearest: 'val_accuracy'"),
        ("val_recall", "loss val_loss", r"It has: 'loss', 'val_loss'. Choose one of these.$"),
        ("val_accuracy", "loss accuracy", r"validation_data or validation_split"),
    ],
)  # fmt: skip
def test_an_objective_that_is_not_there_names_the_nearest(objective, there, expected):
    told = dict.fromkeys(there.split(), 0.5)
    with pytest.raises(ValueError, match=expected) as raised:
        results.read(told, kt.Objective(objective, "max"), "HyperModel.fit()")
    needs = "validation_data" in str(raised.value)
    assert needs == (objective.startswith("val_") and "val_" not in there)


def test_a_multi_output_model_whose_objective_is_named_after_no_output():
    def build(hp):
        x = keras.Input((2,))
        heads = [keras.layers.Dense(1, name=name)(x) for name in ("age", "sex")]
        model = keras.Model(x, heads)
        model.compile("sgd", "mse", metrics=[["mae"], ["mae"]], run_eagerly=True)
        return model

    tuner = kt.RandomSearch(build, "val_mae", max_trials=1)
    with pytest.raises(ValueError, match="nearest: 'val_age_mae', 'val_sex_mae'"):
        tuner.search(X, [Y, Y], validation_data=(X, [Y, Y]), verbose=0)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([16, 32]), [16, 32]),
        (np.linspace(0.0, 1.0, 3), [0.0, 0.5, 1.0]),
        (np.array(["relu", "tanh"]), ["relu", "tanh"]),
        (np.array([True, False]), [True, False]),
        (range(3), [0, 1, 2]),
        ((x for x in "ab"), ["a", "b"]),
        ({"a": 1, "b": 2}.keys(), ["a", "b"]),
    ],
)
def test_values_of_a_choice_from_an_array(values, expected):
    hp = kt.HyperParameters()
    found = hp.Choice("x", values)
    assert found == expected[0] and type(found) is type(expected[0])
    kept = hp.space[0].values
    assert kept == expected and [type(v) for v in kept] == [type(v) for v in expected]
    assert kt.HyperParameters.from_config(hp.get_config()).space[0].values == expected


@pytest.mark.parametrize(
    "values", [[], np.array([]), np.ones((2, 2)), "relu", 3, None, np.float64(1)]
)
def test_values_of_a_choice_that_are_none(values):
    with pytest.raises(ValueError, match=r"Choice\('x'\): values"):
        kt.HyperParameters().Choice("x", values)


def of_tf_keras():
    return pytest.importorskip("tf_keras").Sequential()


@pytest.mark.parametrize(
    ("returned", "text"),
    [
        (of_tf_keras, r"tf_keras \(Keras 2\).*TF_USE_LEGACY_KERAS"),
        (keras.Sequential, "It is a class: call it"),
        ((1, 2), "Return the model alone"),
        (None, "return model"),
    ],
)
def test_what_is_returned_instead_of_a_model(returned, text):
    def build(hp):
        hp.Int("units", 1, 9)
        return of_tf_keras() if returned is of_tf_keras else returned

    with pytest.raises(TypeError, match=f"not a Keras model.*{text}"):
        kt.RandomSearch(build, "loss", max_trials=1).search(X, Y, verbose=0)


class Locked(keras.callbacks.Callback):
    """Cannot be copied, as what holds a file, a thread or a connection."""

    def __init__(self, seen):
        super().__init__()
        self.seen, self.lock = seen, threading.Lock()

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(id(self))


def test_a_callback_that_cannot_be_copied_is_told_of_a_function():
    tuner = kt.RandomSearch(build_model, "loss", max_trials=1)
    with pytest.raises(ValueError, match=r"cannot be copied.*callbacks=lambda trial: \[Locked\("):
        tuner.search(X, Y, callbacks=[Locked([])], verbose=0)


def test_a_function_makes_callbacks_for_each_trial_and_execution():
    seen, trials, kept = [], [], []

    def callbacks(trial):
        trials.append((trial.trial_id, trial.hyperparameters.get("units") > 0))
        kept.append(Locked(seen))
        return kept[-1:]

    tuner = kt.RandomSearch(build_model, "loss", max_trials=2, executions_per_trial=2)
    tuner.search(X, Y, callbacks=callbacks, verbose=0)
    assert trials == [("0", True), ("0", True), ("1", True), ("1", True)]
    assert seen == [id(callback) for callback in kept]
    with pytest.raises(TypeError, match="Is a return missing"):
        kt.RandomSearch(build_model, "loss", max_trials=1).search(
            X, Y, callbacks=lambda trial: None, verbose=0
        )


def test_callbacks_alone_as_classes_and_beside_those_of_the_study():
    calls = []

    class Calls(keras.callbacks.Callback):
        def __call__(self):
            """Being callable makes it no callback of a study."""

        def on_train_begin(self, logs=None):
            calls.append(type(self).__name__)

    study = lambda study, trial: calls.append(trial.number)
    for given, expected in (
        (Calls(), ["Calls"]),
        (Calls, ["Calls"]),
        ((Calls, study), ["Calls", 0]),
        ([study, Calls()], ["Calls", 0]),
        ([study], [0]),
        (None, []),
    ):
        calls.clear()
        tuner = kt.RandomSearch(build_model, "loss", max_trials=1)
        tuner.search(X, Y, callbacks=given, verbose=0)
        assert calls == expected
        assert [trial.status for trial in tuner.oracle.trials.values()] == ["COMPLETED"]


def test_copies_share_what_their_callbacks_share():
    shared, same = [], []

    class Holds(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.shared = shared

        def on_train_end(self, logs=None):
            same.append(id(self.shared))

    kt.RandomSearch(build_model, "loss", max_trials=1).search(
        X, Y, callbacks=[Holds(), Holds()], verbose=0
    )
    assert len(same) == 2 and same[0] == same[1] != id(shared)
