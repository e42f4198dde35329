"""Public signatures, compared with those of keras-tuner by inspect."""

import importlib
import inspect

import pytest

keras_tuner = pytest.importorskip("keras_tuner")

TUNERS = ("BayesianOptimization", "RandomSearch", "GridSearch")
TUNER_METHODS = (
    "search",
    "run_trial",
    "search_space_summary",
    "results_summary",
    "get_best_hyperparameters",
    "get_best_models",
    "load_model",
    "get_trial_dir",
    "on_search_begin",
    "on_search_end",
    "on_trial_begin",
    "on_trial_end",
    "on_epoch_begin",
    "on_epoch_end",
    "on_batch_begin",
    "on_batch_end",
)
METHODS = {
    "HyperParameters": (
        "__init__",
        "Int",
        "Float",
        "Choice",
        "Boolean",
        "Fixed",
        "conditional_scope",
        "name_scope",
        "is_active",
        "get",
        "__getitem__",
        "__contains__",
        "get_config",
        "from_config",
        "copy",
        "merge",
    ),
    "HyperModel": ("__init__", "build", "fit", "declare_hyperparameters"),
    "Objective": ("__init__", "has_value", "get_value", "better_than"),
    "Tuner": TUNER_METHODS,
    **dict.fromkeys(TUNERS, ("__init__", *TUNER_METHODS)),
    # Its run_trial has other names for its arguments there.
    "Hyperband": ("__init__", *(name for name in TUNER_METHODS if name != "run_trial")),
}
# Arguments that KerasTuner has not, by keyword only.
ADDED = {
    "BayesianOptimization": {"max_epochs", "factor", "constraints"},
    "RandomSearch": {"constraints"},
    "GridSearch": {"constraints"},
    "Hyperband": {"sampler"},
}
PROPERTIES = {
    "HyperParameters": ("space",),
    **dict.fromkeys(TUNERS, ("remaining_trials", "project_dir")),
}


def parameters(module, owner, method):
    function = inspect.getattr_static(getattr(module, owner), method)
    function = inspect.unwrap(getattr(function, "__func__", function))
    return [
        (parameter.name, parameter.kind.description, parameter.default)
        for parameter in inspect.signature(function).parameters.values()
    ]


@pytest.fixture(scope="module")
def ours():
    return importlib.import_module("tfbo.keras")


@pytest.mark.parametrize(
    ("owner", "method"), [(owner, method) for owner in METHODS for method in METHODS[owner]]
)
def test_the_signature_is_the_same(owner, method, ours):
    theirs = parameters(keras_tuner, owner, method)
    found = parameters(ours, owner, method)
    added = ADDED.get(owner, ()) if method == "__init__" else ()
    assert [entry for entry in found if entry[0] not in added] == theirs
    assert {kind for name, kind, _ in found if name in added} <= {"keyword-only"}


@pytest.mark.parametrize(
    ("owner", "name"), [(owner, name) for owner in PROPERTIES for name in PROPERTIES[owner]]
)
def test_the_property_is_there(owner, name, ours):
    for module in (keras_tuner, ours):
        assert isinstance(inspect.getattr_static(getattr(module, owner), name), property)


def general(module):
    """The arguments that a tuner takes beyond its own, which keras-tuner passes on to `Tuner`."""
    own = parameters(module, "Tuner", "__init__")
    skipped = ("self", "oracle", "hypermodel", "logger", "kwargs")
    return {name: default for name, _, default in own if name not in skipped}


@pytest.mark.parametrize("name", TUNERS)
def test_a_tuner_takes_the_arguments_of_every_tuner(name, ours, tmp_path):
    given = {**general(keras_tuner), "directory": str(tmp_path), "project_name": "all"}
    for module in (keras_tuner, ours):
        folder = str(tmp_path / module.__name__)

        class Box(getattr(module, name)):
            def run_trial(self, trial, *args, **kwargs):
                return trial.hyperparameters.Float("x", 0.0, 1.0)

        made = Box(max_trials=1, **{**given, "directory": folder})
        made.search(verbose=0)
        assert len(made.oracle.trials) == 1


@pytest.mark.parametrize("name", TUNERS)
def test_an_unknown_argument_is_refused(name, ours, tmp_path):
    for module in (keras_tuner, ours):
        with pytest.raises((TypeError, ValueError), match="max_trails"):
            getattr(module, name)(lambda hp: None, "loss", directory=str(tmp_path), max_trails=1)


def test_the_names_are_there(ours):
    names = ("HyperModel", "HyperParameters", "Objective", "Tuner", "Hyperband", *TUNERS)
    assert all(inspect.isclass(getattr(keras_tuner, name)) for name in names)
    assert [name for name in names if not callable(getattr(ours, name, None))] == []
