"""`tfbo demo`: tune a Keras network on scikit-learn's handwritten digits, and compare with chance."""

from __future__ import annotations

import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import tfbo
from tfbo import _format, _messages
from tfbo._compile import quiet
from tfbo.study import Study
from tfbo.trial import Trial

SPACE = tfbo.Space(
    {
        "learning_rate": tfbo.Float(1e-5, 1e-1, log=True),
        "weight_decay": tfbo.Float(1e-6, 1e-1, log=True),
        "units": tfbo.Int(16, 256, step=16),
        "depth": tfbo.Int(1, 4),
        "activation": tfbo.Categorical(["relu", "gelu", "tanh"]),
        "batch_size": tfbo.Ordinal([16, 32, 64, 128, 256]),
        "use_dropout": tfbo.Boolean(),
        "dropout": tfbo.Float(0.0, 0.6, when={"use_dropout": True}),
    }
)
_EPOCHS, _QUICK_EPOCHS = 8, 2


class Digits(NamedTuple):
    """1,797 pictures of 8 x 8 pixels, `[n, 64]` in [0, 1], split 60:20:20."""

    train: tuple[Any, Any]
    validation: tuple[Any, Any]
    test: tuple[Any, Any]


def load() -> Digits:
    """The digits that come with scikit-learn, always split in the same way."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    x, y = load_digits(return_X_y=True)
    x = (x / 16.0).astype("float32")
    x, x_test, y, y_test = train_test_split(x, y, test_size=0.2, random_state=0, stratify=y)
    x, x_valid, y, y_valid = train_test_split(x, y, test_size=0.25, random_state=0, stratify=y)
    return Digits((x, y), (x_valid, y_valid), (x_test, y_test))


def train(params: dict[str, Any], digits: Digits, *, epochs: int, seed: int) -> Any:
    """A network with these hyperparameters, trained on the training pictures."""
    import tensorflow as tf

    keras = tf.keras
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    layers: list[Any] = [keras.Input((64,))]
    for _ in range(params["depth"]):
        layers.append(keras.layers.Dense(params["units"], activation=params["activation"]))
        if params["use_dropout"]:
            layers.append(keras.layers.Dropout(params["dropout"]))
    model = keras.Sequential([*layers, keras.layers.Dense(10)])
    model.compile(
        optimizer=keras.optimizers.AdamW(
            params["learning_rate"], weight_decay=params["weight_decay"]
        ),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(*digits.train, batch_size=params["batch_size"], epochs=epochs, verbose=0)
    return model


def accuracy(model: Any, part: tuple[Any, Any]) -> float:
    """The share of pictures that are recognised; without `evaluate`, which compiles a program first."""
    pictures, digits = part
    return float((model(pictures, training=False).numpy().argmax(axis=1) == digits).mean())


def run(*, trials: int, storage: str, seed: int, quick: bool) -> int:
    """Run the demo, of two epochs a trial if `quick`, with its plot beside the storage; the exit status."""
    missing = [name for name in ("sklearn", "matplotlib", "tqdm") if find_spec(name) is None]
    if missing:
        print(f"tfbo demo needs {', '.join(missing)}: pip install 'tfbo[demo]'", file=sys.stderr)
        return 1
    begin = time.monotonic()
    # Before a bar begins, which is about trials.
    print("Loading TensorFlow ...", flush=True)
    quiet.import_tensorflow()
    from tfbo.keras.base_tuner import garbage_of_trials

    digits = load()
    epochs = _QUICK_EPOCHS if quick else _EPOCHS
    name = f"digits-{'quick-' if quick else ''}seed{seed}"

    def objective(params: dict[str, Any]) -> float:
        return accuracy(train(params, digits, epochs=epochs, seed=seed), digits.validation)

    bayes = tfbo.Study(SPACE, direction="maximize", storage=storage, name=name, seed=seed)
    chance = tfbo.Study(
        SPACE,
        direction="maximize",
        storage=storage,
        name=f"{name}-random",
        seed=seed,
        strategy=tfbo.strategies.Random(),
    )
    wanted = _finished(bayes) + trials
    with garbage_of_trials():
        for study, what in ((bayes, "Bayesian optimisation"), (chance, "Random search")):
            _advance(study, what, wanted, objective)
    _report(bayes, chance, digits, epochs, seed)
    picture = Path(storage).with_suffix(".png")
    if picture == Path(storage):  # which must not be drawn over
        picture = Path(f"{storage}.png")
    figure = tfbo.plots.convergence(
        bayes, chance, labels=["tfbo", "random search"], ylabel="validation accuracy"
    )
    figure.savefig(picture)
    print(f"\nStored in {storage} (studies {bayes.name!r} and {chance.name!r}); plot: {picture}")
    print(f"Look at it with: tfbo show {storage} {bayes.name}")
    print(f"{time.monotonic() - begin:.0f} seconds in all.")
    return 0


def _advance(study: Study, what: str, wanted: int, objective: Any) -> None:
    """Run trials until `wanted` are finished."""
    from tqdm import tqdm

    done = _finished(study)
    begins = f"continuing at trial {done}" if done else "a new study"
    print(f"\n{what}, {begins}, up to {wanted} trials:")

    def show(study: Study, trial: Trial) -> None:
        tqdm.write(_format.line(trial))

    if wanted > done:
        # Without a terminal there would be a second line for each trial, and no bar.
        bar = _messages.is_terminal(sys.stderr)
        study.optimize(objective, n_trials=wanted - done, callbacks=[show], progress=bar)


def _report(bayes: Study, chance: Study, digits: Digits, epochs: int, seed: int) -> None:
    """Print the winner, and both winners' accuracy on pictures that no search has seen."""
    print("\nBest hyperparameters:")
    for name, value in bayes.best_params.items():
        print(f"  {name:14} {value}")
    print(f"\n{'':22} validation  held-out test")
    for what, study in (("tfbo", bayes), ("random search", chance)):
        model = train(study.best_params, digits, epochs=epochs, seed=seed)
        test = accuracy(model, digits.test)
        label = f"{what}, {_finished(study)} trials"
        print(f"{label:22} {study.best_value:10.4f} {test:14.4f}")


def _finished(study: Study) -> int:
    """Trials that count towards the number wanted: an interrupted one is tried again."""
    return sum(trial.is_finished and not trial.is_interrupted for trial in study.trials)
