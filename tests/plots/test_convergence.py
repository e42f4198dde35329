import io

import numpy as np
import pytest

from tfbo import Float, InvalidArgument, Space, Study, plots
from tfbo.strategies import Random


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_the_line_is_the_best_so_far(direction):
    study = Study(Space({"x": Float(0.0, 1.0)}), direction=direction, seed=0, strategy=Random())
    values = [3.0, 1.0, float("nan"), 2.0, 5.0, 4.0]
    for value in values:
        study.tell(study.ask(), value)
    axes = plots.convergence(study, labels=["mine"]).axes[0]
    dots, line, beyond, failed = axes.lines
    # Numbered from 0, as everywhere else; the line goes on to the last trial.
    np.testing.assert_array_equal(line.get_xdata(), [0, 1, 3, 4, 5, 5])
    better = np.minimum if direction == "minimize" else np.maximum
    low, high = axes.get_ylim()
    expected = np.clip(better.accumulate([3.0, 1.0, 2.0, 5.0, 4.0]), low, high)
    np.testing.assert_allclose(line.get_ydata()[:-1], expected)
    assert line.get_ydata()[-1] == (1.0 if direction == "minimize" else 5.0)
    np.testing.assert_array_equal(failed.get_xdata(), [2])
    # What is outside of the better half lies on the edge, under a mark that says so.
    outside = [4, 5] if direction == "minimize" else [1, 3]
    end = "up to 5" if direction == "minimize" else "down to 1"
    np.testing.assert_array_equal(beyond.get_xdata(), outside)
    assert beyond.get_label() == f"beyond the frame (2), {end}"
    assert beyond.get_marker() == ("^" if direction == "minimize" else "v")
    assert set(dots.get_xdata()) == {0, 1, 3, 4, 5} - set(outside)
    assert axes.get_legend().get_texts()[0].get_text() == "mine"


def test_a_study_without_values_shows_its_failures_and_one_value_its_line():
    study = Study(Space({"x": Float(0.0, 1.0)}), seed=0, strategy=Random())

    def drawn():
        axes = plots.convergence(study).axes[0]
        axes.figure.savefig(io.BytesIO())
        return [line.get_label() for line in axes.lines], list(axes.get_yticks())

    assert drawn() == ([], [])
    study.tell(study.ask(), state="failed", reason="test")
    assert drawn() == (["failed (1)"], [])
    study.tell(study.ask(), 1.0)
    labels, ticks = drawn()
    assert {study.name, "failed (1)"} < set(labels) and min(ticks) <= 1.0 <= max(ticks)


def test_studies_of_both_directions_are_not_one_picture():
    space = Space({"x": Float(0.0, 1.0)})
    one, other = (Study(space, direction=d, seed=0) for d in ("minimize", "maximize"))
    with pytest.raises(InvalidArgument, match="studies of one direction"):
        plots.convergence(one, other)
