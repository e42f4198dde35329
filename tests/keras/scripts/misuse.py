"""Mistakes that stop a search or a constructor at once, by the kind of exception a user can catch."""

import keras
import keras_tuner as kt
import numpy as np

x, y = np.ones((8, 1)), np.ones((8, 1))
KINDS = (RuntimeError, TypeError, ValueError)


def build_model(hp):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(hp.Int("units", 1, 4))])
    model.compile("sgd", "mse", run_eagerly=True)
    return model


def raised(action):
    try:
        action()
    except Exception as error:
        return [kind.__name__ for kind in KINDS if isinstance(error, kind)]
    return None


def tuner(name, hypermodel=build_model, objective="loss", **settings):
    return kt.RandomSearch(
        hypermodel, objective, max_trials=2, directory="misuse", project_name=name, **settings
    )


class Returning(kt.HyperModel):
    def __init__(self, value):
        super().__init__()
        self.value = value

    def build(self, hp):
        return build_model(hp)

    def fit(self, hp, model, *args, **kwargs):
        return self.value


def search(*args, **settings):
    made = tuner(*args, **settings)
    return raised(lambda: made.search(x, y, verbose=0))


class Uncopied(keras.callbacks.Callback):
    def __deepcopy__(self, memo):
        raise TypeError("this callback cannot be copied")


uncopied = tuner("uncopied")
RESULT = {
    "unknown direction": raised(lambda: tuner("direction", objective="val_mystery")),
    "objective of another type": raised(lambda: tuner("type", objective=3)),
    "no hypermodel": raised(lambda: tuner("none", hypermodel=None)),
    "a hypermodel that cannot be called": raised(lambda: tuner("five", hypermodel=5)),
    "nothing but tuned entries": raised(lambda: tuner("tuned", tune_new_entries=False)),
    "nothing but known entries": raised(lambda: tuner("known", allow_new_entries=False)),
    "no model": search("model", hypermodel=lambda hp: hp.Int("units", 1, 4)),
    "fit returns None": search("fit", hypermodel=Returning(None)),
    "fit returns text": search("text", hypermodel=Returning("loss")),
    "a dictionary without the objective": search("absent", hypermodel=Returning({"acc": 1.0})),
    "a dictionary without any objective": search(
        "unnamed", hypermodel=Returning({"acc": 1.0}), objective=None
    ),
    "a callback that cannot be copied": raised(
        lambda: uncopied.search(x, y, callbacks=[Uncopied()], verbose=0)
    ),
}
