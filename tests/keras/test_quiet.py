"""Lines that TensorFlow prints by itself while a search runs, at the level that a user has."""

import os
import subprocess
import sys

SEARCH = """
import sys
import keras
import tfbo
import tfbo.keras as kt

class Box(kt.BayesianOptimization):
    def run_trial(self, trial, **kwargs):
        keras.utils.clear_session()
        hp = trial.hyperparameters
        return hp.Float("x", 0.0, 1.0) ** 2 + (hp.Choice("kind", ["a", "b"]) == "a")

tuner = Box(max_trials=5, num_initial_points=2, seed=0)
tuner.search(verbose=0)
tuner.study.ask(2)
tuner.study.ask()
tuner.study.predict([tuner.study.trials[0].params])
notes = {name for trial in tuner.study.trials for name in trial.notes or ()}
assert notes, "the model was never asked"
print("ready")
"""


def test_an_ask_prints_nothing_about_types_that_onednn_does_not_have():
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TF_CPP_")}
    done = subprocess.run(
        [sys.executable, "-c", SEARCH],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    assert done.stdout == "ready\n", done.stderr
    # TensorFlow writes to the file descriptor, past sys.stderr; its first lines show that it does here.
    assert "oneDNN" in done.stderr or "cpu_feature_guard" in done.stderr, done.stderr
    assert "Not handling type" not in done.stderr
