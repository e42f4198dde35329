"""Learning curves, and the steps that were spent on them."""

import dataclasses
import io
import warnings

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.legend import Legend

from tfbo import Boolean, Fidelity, Float, Space, Study, TooFewTrials, plots
from tfbo.plots import steps, style
from tfbo.strategies import Random

SPACE = Space({"flag": Boolean()})
EPOCHS = Fidelity(1, 27, name="epoch")
NAN = float("nan")


def falling(last, *, end=0.1, every=1):
    """A curve from 1 that falls to `end` at its last step, at every k-th step."""
    at = [*range(every, last, every), last]
    return {step: end + (1.0 - end) * (last - step) / last for step in at}


@pytest.fixture
def listed(known):
    """One trial or more of each outcome."""
    return [
        known.trained(0, "complete", falling(27, end=0.2)),
        known.trained(1, "stopped", falling(3, end=0.8)),
        known.trained(2, "paused", falling(9, end=0.3)),
        known.trained(3, "failed", falling(2)),
        known.trained(4, "complete", falling(27, end=0.4)),
        known.trained(5, "running", falling(4), resumed=3),
        known.trained(6, "stopped", falling(1, end=0.9)),
        known.trained(7, "paused", falling(1, end=0.7)),
    ]


def line(ax, label):
    (found,) = [one for one in ax.lines if str(one.get_label()).startswith(label)]
    return found


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def segments(ax, state):
    """Curves drawn in the colour of a state."""
    colour = style.STATES[state].lower()
    return [
        segment
        for drawn in ax.collections
        if hasattr(drawn, "get_segments") and to_hex(drawn.get_colors()[0]) == colour
        for segment in drawn.get_segments()
    ]


def test_each_curve_is_drawn_in_the_colour_of_its_outcome(listed, known):
    ax = plots.curves(known.study_of(listed, space=SPACE, fidelity=EPOCHS))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "value (minimise)")
    counts = {"complete": 2, "stopped": 2, "paused": 2, "failed": 1, "running": 1}
    assert {f"{state} ({count})" for state, count in counts.items()} < set(labels(ax))
    for state in counts:
        curves = [list(t.curve.items()) for t in listed if t.state == state and len(t.curve) > 1]
        for segment, curve in zip(segments(ax, state), curves, strict=True):
            np.testing.assert_allclose(segment, curve)


@pytest.mark.parametrize(("direction", "best"), [("minimize", 0), ("maximize", 4)])
def test_the_star_is_at_the_last_step_of_the_best_complete_trial(direction, best, listed, known):
    ax = plots.curves(known.study_of(listed, space=SPACE, fidelity=EPOCHS, direction=direction))
    star = line(ax, "best value")
    assert star.get_label() == f"best value: trial {best}"
    assert star.get_xydata().tolist() == [[27.0, listed[best].value]]


def test_while_none_is_complete_the_star_is_at_the_furthest_that_may_go_on(known):
    listed = [
        known.trained(0, "stopped", falling(9, end=0.5)),
        known.trained(1, "paused", falling(3, end=0.3)),
        known.trained(2, "paused", falling(3, end=0.2)),
        known.trained(3, "paused", falling(1, end=0.1)),
    ]
    ax = plots.curves(known.study_of(listed, space=SPACE, fidelity=EPOCHS))
    assert line(ax, "best value").get_label() == "best value: trial 2 (paused)"


def test_forecasts_begin_where_the_curves_end_and_their_bands_hold_90_percent(listed, known):
    study = known.study_of(listed, space=SPACE, fidelity=EPOCHS, kind=known.Forecasting)
    ax = plots.curves(study)
    ahead = line(ax, "forecast of trial 2, 90 %")
    assert ahead.get_xdata()[[0, -1]].tolist() == [9, 27]
    np.testing.assert_allclose(ahead.get_ydata(), 0.3)
    bands = [c for c in ax.collections if not hasattr(c, "get_segments")]
    assert len(bands) == 3  # of the one ahead, and of both that were stopped
    corners = bands[0].get_paths()[0].vertices
    half = 1.6448536 * 0.1
    np.testing.assert_allclose([corners[:, 1].min(), corners[:, 1].max()], [0.3 - half, 0.3 + half])
    # Below the best value of all, 0.2, lies a part of its band: it is in the frame nevertheless.
    assert ax.get_ylim()[0] < 0.3 - half


def test_without_a_fidelity_or_with_too_few_trials_nothing_is_forecast(listed, known):
    class Few(known.Forecasting):
        def forecast(self, trial, steps):
            raise TooFewTrials("two are needed")

    for study in (
        known.study_of(listed, space=SPACE, kind=known.Forecasting),
        known.study_of(listed, space=SPACE, kind=Few, fidelity=EPOCHS),
    ):
        ax = plots.curves(study)
        assert not [text for text in labels(ax) if "forecast" in text]
        assert "best value: trial 0" in labels(ax)


def test_a_curve_has_a_gap_where_its_value_is_nan_and_a_dot_where_one_is_alone(known):
    curve = {1: 1.0, 2: 0.9, 3: NAN, 4: 0.7, 5: float("inf"), 6: 0.5, 7: 0.4}
    listed = [
        known.trained(0, "complete", curve, value=0.4),
        known.trained(1, "complete", {1: 1.0}),
    ]
    ax = plots.curves(known.study_of(listed, space=SPACE))
    drawn = [np.array(one).tolist() for one in segments(ax, "complete")]
    assert drawn == [[[1.0, 1.0], [2.0, 0.9]], [[6.0, 0.5], [7.0, 0.4]]]
    (dots,) = [one for one in ax.lines if one.get_marker() == "o"]
    assert dots.get_xydata().tolist() == [[4.0, 0.7], [1.0, 1.0]]
    assert ax.get_title(loc="right") == "2 points NaN"


def test_values_at_every_fifth_step_are_joined(known):
    listed = [known.trained(0, "complete", falling(27, every=5))]
    (segment,) = segments(plots.curves(known.study_of(listed, space=SPACE)), "complete")
    assert segment[:, 0].tolist() == [5, 10, 15, 20, 25, 27]


def test_steps_are_logarithmic_where_most_curves_are_short(known):
    long = [known.trained(i, "complete", falling(27)) for i in range(4)]
    short = [known.trained(i, "stopped", falling(3)) for i in range(4, 12)]
    ax = plots.curves(known.study_of([*long, *short], space=SPACE, fidelity=EPOCHS))
    assert ax.get_xscale() == "log"
    assert ax.get_xticks().tolist() == list(EPOCHS.rungs)
    assert plots.curves(known.study_of(long, space=SPACE)).get_xscale() == "linear"


@pytest.mark.parametrize("far", [1e9, 1e300])
def test_a_curve_that_explodes_does_not_press_the_others_into_a_line(far, known):
    listed = [known.trained(i, "complete", falling(9)) for i in range(6)]
    listed.append(known.trained(6, "stopped", {1: 1.0, 2: far}))
    ax = plots.curves(known.study_of(listed, space=SPACE, fidelity=EPOCHS))
    assert ax.get_ylim()[1] < 2.0
    assert ax.get_title(loc="right") == "1 curve ends beyond the frame"
    ax.figure.savefig(io.BytesIO(), dpi=30)


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_hopeless_curves_do_not_press_the_good_ones_into_a_line(direction, known):
    sign = 1.0 if direction == "minimize" else -1.0
    ends = [*np.linspace(0.02, 0.06, 8), *np.linspace(0.3, 0.9, 8)]
    listed = [
        known.trained(i, "complete", {1: sign * (end + 0.03), 9: sign * end})
        for i, end in enumerate(ends)
    ]
    ax = plots.curves(known.study_of(listed, space=SPACE, direction=direction))
    low, high = ax.get_ylim()
    assert high - low < 0.4
    assert ax.get_title(loc="right").endswith("curves end beyond the frame")


@pytest.mark.parametrize("picture", ["curves", "budget"])
def test_without_a_point_it_is_said_how_to_report_one(picture, known, thirty):
    empty = known.trained(0, "failed", {1: NAN}, spent=0)
    for study in (
        thirty,
        known.study_of([], fidelity=EPOCHS),
        known.study_of([empty], space=SPACE),
    ):
        with pytest.raises(TooFewTrials, match=r"study.report\(trial, step, value\)"):
            getattr(plots, picture)(study)


@pytest.mark.parametrize("picture", ["curves", "budget"])
def test_two_hundred_trials_and_one_have_legends_within_the_picture(picture, known):
    states = ["complete", *["stopped", "paused", "failed"] * 3]
    many = [
        known.trained(
            i, states[i % 10], falling(27 if i % 10 == 0 else 1 + i % 9, end=0.5 + i / 999)
        )
        for i in range(200)
    ]
    for listed in (many, many[:1]):
        study = known.study_of(listed, space=SPACE, fidelity=EPOCHS, kind=known.Forecasting)
        figure = getattr(plots, picture)(study).figure
        figure.draw_without_rendering()
        (legend,) = figure.findobj(Legend)
        box = legend.get_window_extent()
        assert box.x0 >= 0.0 and box.x1 <= figure.bbox.width


def test_the_budget_is_what_each_outcome_spent(listed, known):
    ax = plots.budget(known.study_of(listed, space=SPACE, fidelity=EPOCHS))
    heights = [bar.get_height() for bar in sorted(ax.patches, key=lambda bar: bar.get_x())]
    assert heights == [27, 27, 9, 4, 3, 2, 1, 1]
    total = 27 + 27 + 9 + 4 + 3 + 2 + 1 + 1
    assert {
        "complete (2): 54, 73 %", "running (1): 4, 5 %", "paused (2): 10, 14 %", "stopped (2): 4, 5 %",
        "failed (1): 2, 3 %", "full training: 27",
    } == set(labels(ax))  # fmt: skip
    # The failed one would have failed anyway.
    said = f"{total} epochs spent, 39 % of the {7 * 27 + 2} that training all to the end would take"
    assert ax.get_xlabel().splitlines()[1] == said


def test_steps_of_a_trial_that_starts_over_count_each_time(known):
    again = dataclasses.replace(known.trained(0, "paused", falling(9)), spent=1 + 3 + 9)
    study = known.study_of([again], space=SPACE, fidelity=dataclasses.replace(EPOCHS, resume=False))
    assert [bar.get_height() for bar in plots.budget(study).patches] == [13]


def test_without_a_fidelity_full_training_is_as_long_as_the_longest_complete_trial():
    study = Study(Space({"x": Float(0.0, 1.0)}), seed=0, strategy=Random())
    for last, state in ((6, "complete"), (9, "stopped"), (3, "stopped")):
        trial = study.ask()
        for step in range(1, last + 1):
            study.report(trial, step, 1.0 / step)
        study.tell(trial, 1.0 / last, state=state)
    ax = plots.budget(study)
    assert "full training: 6" in labels(ax)
    assert ax.get_xlabel().splitlines()[1].startswith("18 steps spent, 100 % of the 18 ")


def test_spending_counts_what_other_trials_cost_by_then(known):
    """A trial paused at step 3 and finished later counts in two parts: never later than they were."""
    went_on = known.trained(0, "complete", falling(9), resumed=3, started=500.0, finished=560.0)
    listed = [
        went_on,
        known.trained(1, "stopped", falling(1), started=100.0, finished=110.0),
        known.trained(2, "complete", falling(9), started=120.0, finished=210.0),
        known.trained(3, "running", falling(2), started=600.0),
    ]
    assert steps.spending(listed) == {1: 3 + 1, 2: 3 + 1 + 9, 0: 3 + 1 + 9 + 6}


def test_convergence_of_studies_with_a_fidelity_is_against_the_steps_spent(known):
    listed = [
        known.trained(0, "stopped", falling(3, end=0.05)),
        known.trained(1, "complete", falling(27, end=0.5)),
        known.trained(2, "complete", falling(27, end=0.4)),
        known.trained(3, "paused", falling(9, end=0.01)),
    ]
    with_steps = known.study_of(listed, space=SPACE, fidelity=EPOCHS)
    axes = plots.convergence(with_steps).axes[0]
    assert axes.get_xlabel() == "epochs spent"
    best = line(axes, "runs").get_xydata()
    assert best.tolist() == [[30.0, 0.5], [57.0, 0.4], [66.0, 0.4]]
    axes = plots.convergence(with_steps, known.study_of(listed, space=SPACE)).axes[0]
    assert axes.get_xlabel() == "trial"


@pytest.mark.parametrize("picture", ["history", "slices", "parallel_coordinates", "timeline"])
def test_values_of_an_earlier_step_are_marked_apart(picture, listed, known):
    study = known.study_of(listed, space=SPACE, fidelity=EPOCHS, kind=known.Flat)
    drawn = getattr(plots, picture)(study)
    ax = drawn[0] if picture == "slices" else drawn
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of a layout that finds no room
        ax.figure.draw_without_rendering()
    _, found = ax.get_legend_handles_labels()
    assert any(text.startswith("stopped") and "(2)" in text for text in found), found
    assert any(text.startswith("paused") and "(2)" in text for text in found), found


def test_the_best_so_far_of_history_is_of_complete_trials_alone(known):
    listed = [
        known.trained(0, "complete", falling(27, end=0.5)),
        known.trained(1, "stopped", falling(1, end=0.48)),
        known.trained(2, "complete", falling(27, end=0.6)),
        known.trained(3, "stopped", falling(1, end=9.0)),
    ]
    ax = plots.history(known.study_of(listed, space=SPACE, fidelity=EPOCHS))
    assert set(line(ax, "best so far").get_ydata()) == {0.5}
    hollow = line(ax, "stopped before the end (2), beyond the frame: 1")
    assert hollow.get_xydata().tolist() == [[1.0, 0.48]]
    (edge,) = [one for one in ax.lines if one.get_marker() == "^" and len(one.get_xdata())]
    assert edge.get_xydata().tolist() == [[3.0, ax.get_ylim()[1]]]
    alone = [known.trained(0, "stopped", falling(1, end=0.48))]
    only = plots.history(known.study_of(alone, space=SPACE, fidelity=EPOCHS))
    assert not [one for one in only.lines if one.get_label() == "best so far"]
