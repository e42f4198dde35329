"""The brackets of `kt.Hyperband` against those of KerasTuner."""

import pytest

from tfbo.keras import schedule
from tfbo.trial import Fidelity

keras_tuner = pytest.importorskip("keras_tuner")


@pytest.mark.parametrize("epochs", [2, 3, 4, 8, 9, 10, 27, 50, 81, 100])
@pytest.mark.parametrize("factor", [2, 3, 4])
def test_trials_and_epochs_are_those_of_keras_tuner(epochs, factor):
    theirs = keras_tuner.oracles.HyperbandOracle("loss", max_epochs=epochs, factor=factor)
    ours = schedule.brackets(Fidelity(1, epochs, factor=factor))
    count = theirs._get_num_brackets()  # noqa: SLF001
    assert len(ours) == count
    for bracket, s in zip(ours, reversed(range(count)), strict=True):
        rounds = range(theirs._get_num_rounds(s))  # noqa: SLF001
        assert list(bracket.sizes) == [theirs._get_size(s, i) for i in rounds]  # noqa: SLF001
        assert list(bracket.steps) == [theirs._get_epochs(s, i) for i in rounds]  # noqa: SLF001
