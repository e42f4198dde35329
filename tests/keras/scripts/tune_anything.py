"""The guide's run_trial as a black box: each tuner, each kind of return, one seed twice."""

import keras_tuner as kt


def parabola(base, returned=lambda y: y):
    class MyTuner(base):
        def run_trial(self, trial, *args, **kwargs):
            x = trial.hyperparameters.Float("x", min_value=-1.0, max_value=1.0)
            return returned(x * x + 1)

    return MyTuner


def points(base, name, n=4, **settings):
    tuner = parabola(base)(max_trials=n, directory="boxes", project_name=name, **settings)
    tuner.search(verbose=0)
    best = tuner.get_best_hyperparameters()[0].get("x")
    xs = [trial.hyperparameters.get("x") for trial in tuner.oracle.trials.values()]
    assert best == min(xs, key=abs)
    assert all(-1.0 <= x <= 1.0 for x in xs)
    return xs


first = points(kt.RandomSearch, "first", seed=3)
second = points(kt.RandomSearch, "second", seed=3)
other = points(kt.RandomSearch, "other", seed=4)
assert first[1:] != other[1:]

kinds = {}
for name, returned in {
    "dict": lambda y: {"y": y},
    "list": lambda y: [y, y],
    "dicts": lambda y: [{"y": y}, {"y": y}],
}.items():
    objective = None if name == "list" else kt.Objective("y", "min")
    tuner = parabola(kt.RandomSearch, returned)(
        objective=objective, max_trials=2, directory="kinds", project_name=name
    )
    tuner.search(verbose=0)
    trial = tuner.oracle.get_best_trials()[0]
    assert abs(trial.score - (trial.hyperparameters.get("x") ** 2 + 1)) < 1e-12
    kinds[name] = sorted(trial.metrics.metrics)

RESULT = {
    "same seed": first == second,
    "distinct": [
        len(set(points(base, base.__name__)))
        for base in (kt.RandomSearch, kt.BayesianOptimization, kt.GridSearch)
    ],
    "metrics": kinds,
}
