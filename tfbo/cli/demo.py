"""`tfbo demo`: tune a Keras network on scikit-learn's handwritten digits by its learning curves."""

from __future__ import annotations

import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import tfbo
from tfbo import _format, _messages
from tfbo._compile import quiet
from tfbo.study import Study
from tfbo.trial import Trial

if TYPE_CHECKING:
    from tfbo.executors.run import Run

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
# Networks are first compared after so many epochs, and a good one is trained for so many.
EPOCHS, _QUICK_EPOCHS = (2, 16), (1, 4)
_SAVED = "network.keras"


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


def network(params: dict[str, Any], *, seed: int) -> Any:
    """A network with these hyperparameters, to be trained."""
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
    return model


def train(params: dict[str, Any], run: Run, digits: Digits, *, seed: int) -> float:
    """Train from epoch `run.start` to `run.until`, or until the trial is hopeless; the accuracy then."""
    import tensorflow as tf

    saved = run.checkpoint / _SAVED
    model = tf.keras.models.load_model(saved) if run.start else network(params, seed=seed)
    found = []

    def report(epoch: int, logs: Any) -> None:
        found.append(accuracy(model, digits.validation))
        model.stop_training = not run.report(epoch + 1, found[-1])

    model.fit(
        *digits.train, batch_size=params["batch_size"], initial_epoch=run.start, epochs=run.until,
        verbose=0, callbacks=[tf.keras.callbacks.LambdaCallback(on_epoch_end=report)],
    )  # fmt: skip
    model.save(saved)
    return found[-1]


def accuracy(model: Any, part: tuple[Any, Any]) -> float:
    """The share of pictures that are recognised; without `evaluate`, which compiles a program first."""
    pictures, digits = part
    return float((model(pictures, training=False).numpy().argmax(axis=1) == digits).mean())


def run(*, trials: int, storage: str, seed: int, quick: bool) -> int:
    """Run the demo with the epochs of so many full trainings, and plot beside the storage; exit status."""
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
    low, high = _QUICK_EPOCHS if quick else EPOCHS
    name = f"digits-{'quick-' if quick else ''}epochs-seed{seed}"

    def objective(params: dict[str, Any], run: Run) -> float:
        return train(params, run, digits, seed=seed)

    searches: dict[str, Any] = {"": None, "-random": tfbo.strategies.Random()}
    bayes, chance = (
        tfbo.Study(
            SPACE, direction="maximize", storage=storage, name=f"{name}{ending}", seed=seed,
            strategy=strategy, fidelity=tfbo.Fidelity(low, high, name="epoch"),
        )
        for ending, strategy in searches.items()
    )  # fmt: skip
    wanted = _spent(bayes) + trials * high
    with garbage_of_trials():
        for study, what in (
            (bayes, "Bayesian optimisation with learning curves"),
            (chance, "Random search, each trained to the end"),
        ):
            _advance(study, what, wanted, objective)
    _report(bayes, chance, digits, seed)
    pictures = _draw(bayes, chance, storage)
    print(f"\nStored in {storage} (studies {bayes.name!r} and {chance.name!r}); plots: {pictures}")
    print(f"Look at it with: tfbo show {storage} {bayes.name}")
    print(f"{time.monotonic() - begin:.0f} seconds in all.")
    return 0


def _advance(study: Study, what: str, wanted: int, objective: Any) -> None:
    """Run trials until they have taken the epochs wanted."""
    from tqdm import tqdm

    spent = _spent(study)
    begins = f"continuing at epoch {spent}" if spent else "a new study"
    print(f"\n{what}, {begins}, up to {wanted} epochs:")

    def show(study: Study, trial: Trial) -> None:
        tqdm.write(_format.line(trial, "epoch"))

    if wanted > spent:
        # Without a terminal there would be a second line for each trial, and no bar.
        bar = _messages.is_terminal(sys.stderr)
        study.optimize(objective, total_steps=wanted, callbacks=[show], progress=bar)


def _report(bayes: Study, chance: Study, digits: Digits, seed: int) -> None:
    """Print the winner, what the curves saved, and how well both winners do on pictures never seen."""
    print("\nBest hyperparameters:")
    for name, value in bayes.best_params.items():
        print(f"  {name:14} {value}")
    assert bayes.fidelity is not None
    full = len(bayes) * bayes.fidelity.high
    share = f"{100.0 * _spent(bayes) / full:.0f} %"
    print(
        f"\n{len(bayes)} networks were tried in {_spent(bayes)} epochs: {share} of the {full} that "
        f"training each to the end takes.\nRandom search tried {len(chance)} in {_spent(chance)}."
    )
    print(f"\n{'':22} validation  held-out test")
    for what, study in (("tfbo", bayes), ("random search", chance)):
        test = _tested(study, digits, seed)
        print(f"{what:22} {study.best_value:10.4f} {test:14.4f}")


def _tested(study: Study, digits: Digits, seed: int) -> float:
    """Accuracy of the best network, trained anew, on the pictures that no search has seen."""
    best = study.best_trial
    model = network(best.params, seed=seed)
    size, epochs = best.params["batch_size"], best.reached or 1
    model.fit(*digits.train, batch_size=size, epochs=epochs, verbose=0)
    return accuracy(model, digits.test)


def _draw(bayes: Study, chance: Study, storage: str) -> str:
    """Draw the best accuracy over the epochs spent, and the curves; the files, in words."""
    from tfbo.plots import style

    picture = Path(storage).with_suffix(".png")
    if picture == Path(storage):  # which must not be drawn over
        picture = Path(f"{storage}.png")
    names = ["tfbo, with curves", "random search"]
    figure = tfbo.plots.convergence(bayes, chance, labels=names, ylabel="validation accuracy")
    figure.savefig(picture)
    curves = picture.with_name(f"{picture.stem}-curves.png")
    drawn = style.figure(7.0, 4.2)
    tfbo.plots.curves(bayes, ax=drawn.subplots())
    drawn.savefig(curves)
    return f"{picture} and {curves}"


def _spent(study: Study) -> int:
    return sum(trial.trained for trial in study.trials)
