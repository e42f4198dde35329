"""A subclassed tuner that tunes a scikit-learn model, without Keras, saving it in run_trial."""

import os
import pickle

import keras_tuner as kt
from sklearn.datasets import load_diabetes
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import cross_val_score, train_test_split

x, y = load_diabetes(return_X_y=True)
x, x_test, y, y_test = train_test_split(x, y, random_state=0)


def build_model(hp):
    if hp.Choice("model_type", ["random_forest", "ridge"]) == "random_forest":
        with hp.conditional_scope("model_type", "random_forest"):
            return RandomForestRegressor(
                n_estimators=hp.Int("n_estimators", 5, 20, step=5),
                max_depth=hp.Int("max_depth", 2, 4),
                random_state=0,
            )
    with hp.conditional_scope("model_type", "ridge"):
        return Ridge(alpha=hp.Float("alpha", 1e-3, 1, sampling="log"))


class SklearnTuner(kt.BayesianOptimization):
    def run_trial(self, trial, x, y, cv=2):
        model = self.hypermodel.build(trial.hyperparameters)
        scores = cross_val_score(model, x, y, cv=cv, scoring="neg_mean_absolute_error")
        model.fit(x, y)
        with open(os.path.join(self.get_trial_dir(trial.trial_id), "model.pkl"), "wb") as file:
            pickle.dump(model, file)
        return {"mae": -float(scores.mean())}

    def load_model(self, trial):
        with open(os.path.join(self.get_trial_dir(trial.trial_id), "model.pkl"), "rb") as file:
            return pickle.load(file)


tuner = SklearnTuner(
    build_model,
    kt.Objective("mae", "min"),
    max_trials=4,
    seed=1,
    directory="sk",
    project_name="one",
)
tuner.search(x, y, cv=3)
best = tuner.get_best_models(1)[0]
trials = tuner.oracle.get_best_trials(4)
kinds = {"random_forest": {"n_estimators", "max_depth"}, "ridge": {"alpha"}}
for trial in trials:
    values = dict(trial.hyperparameters.values)
    assert set(values) == kinds[values.pop("model_type")] | {"model_type"}
kind = {"random_forest": RandomForestRegressor, "ridge": Ridge}[
    trials[0].hyperparameters.get("model_type")
]

RESULT = {
    "scores": sorted(trial.score for trial in trials) == [trial.score for trial in trials],
    "kind": type(best) is kind,
    "useful": bool(mean_absolute_error(y_test, best.predict(x_test)) < 70),
    "trials": [trial.status for trial in trials],
    "directory": os.path.isdir(tuner.project_dir),
}
