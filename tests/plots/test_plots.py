"""What is on the Axes of each picture."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.legend import Legend

from tfbo import Boolean, Constant, Float, InvalidArgument, Space, plots
from tfbo.errors import TooFewTrials
from tfbo.plots import style
from tfbo.trial import Trial

ALL = [
    "history",
    "slices",
    "contour",
    "importance",
    "parallel_coordinates",
    "calibration",
    "timeline",
]


def draw(name, study, **settings):
    drawn = getattr(plots, name)(study, **settings)
    return list(drawn) if isinstance(drawn, np.ndarray) else [drawn]


def line(ax, label):
    """The one line whose label begins like that."""
    (found,) = [one for one in ax.lines if str(one.get_label()).startswith(label)]
    return found


def texts(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("size", ["thirty", "thousands"])
def test_every_picture_can_be_drawn(name, size, request, tmp_path):
    axes = draw(name, request.getfixturevalue(size))
    picture = tmp_path / "x.png"
    axes[0].figure.savefig(picture, dpi=50)
    assert picture.stat().st_size > 3000
    assert all(ax.get_xlabel() or texts(ax.xaxis) for ax in axes)


@pytest.mark.parametrize("name", ALL)
def test_pictures_are_drawn_on_given_axes(name, thirty):
    figure = Figure()
    count = 6 if name == "slices" else 1
    given = figure.subplots(1, count)
    axes = draw(name, thirty, ax=given)
    assert axes == (list(given) if count > 1 else [given])
    for wrong in (3, figure):
        with pytest.raises(InvalidArgument, match="ax"):
            draw(name, thirty, ax=wrong)


def test_pyplot_is_not_touched(thirty):
    code = (
        "import sys, tfbo; s = tfbo.Study(tfbo.Space({'x': tfbo.Int(0, 3)}), seed=0)\n"
        "s.enqueue({'x': 1}); s.tell(s.ask(), 1.0)\n"
        "tfbo.plots.history(s).figure.savefig('/dev/null', format='png')\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", ALL)
def test_what_is_no_study_is_refused(name):
    with pytest.raises(InvalidArgument, match="study: expected a Study"):
        draw(name, [1.0, 2.0])


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("trials", ["none", "waiting", "failed", "one"])
def test_too_few_trials_is_said_clearly(name, trials, known):
    params = known.trials_of(1)[0].params
    listed = {
        "none": [],
        "waiting": [Trial(0, params, "waiting")],
        "failed": [Trial(0, params, "failed", kind="nan", reason="x", started=1.0, finished=2.0)],
        "one": [Trial(0, params, "complete", value=1.0, started=1.0, finished=2.0)],
    }[trials]
    study = known.study_of(listed)
    drawable = {
        "none": set(),
        "waiting": set(),
        "failed": {"history", "parallel_coordinates", "timeline"},
        "one": {"history", "parallel_coordinates", "timeline"},
    }[trials]
    if name in drawable:
        draw(name, study)[0].figure.savefig("/dev/null", format="png", dpi=30)
    else:
        with pytest.raises(TooFewTrials, match="'runs'"):
            draw(name, study)


def test_names_that_are_not_there_are_answered_with_those_that_are(thirty):
    for call in (
        lambda: plots.slices(thirty, ["rte"]),
        lambda: plots.parallel_coordinates(thirty, ["rte"]),
        lambda: plots.contour(thirty, "rate", "rte"),
        lambda: plots.contour(thirty, "rte"),
        lambda: plots.slices(thirty, ["kind"]),
    ):
        with pytest.raises(
            InvalidArgument, match="There are: 'rate', 'units', 'batch', 'optimizer'"
        ):
            call()
    with pytest.raises(InvalidArgument, match="a list of names"):
        plots.slices(thirty, "rate")
    with pytest.raises(InvalidArgument, match="another hyperparameter"):
        plots.contour(thirty, "rate", "rate")


def test_spaces_with_too_little_to_draw(known):
    constant = Space({"kind": Constant(1)})
    study = known.study_of([Trial(0, {"kind": 1}, "complete", value=1.0)] * 1, space=constant)
    with pytest.raises(InvalidArgument, match="a hyperparameter that is searched"):
        plots.slices(study)
    single = Space({"x": Float(0.0, 1.0)})
    listed = [Trial(i, {"x": 0.1 * i}, "complete", value=1.0) for i in range(3)]
    with pytest.raises(InvalidArgument, match="two hyperparameters"):
        plots.contour(known.study_of(listed, space=single))


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_history_shows_values_best_and_failures(direction, known):
    values = [3.0, 1.0, None, 2.0, 5.0, 4.0]
    space = Space({"x": Float(0.0, 1.0)})
    trials = [
        Trial(i, {"x": 0.5}, "failed", kind="nan", reason="nan")
        if value is None
        else Trial(i, {"x": 0.5}, "complete", value=value, std=0.25 if i == 3 else None)
        for i, value in enumerate(values)
    ]
    ax = plots.history(known.study_of(trials, space=space, direction=direction))
    dots, best = line(ax, "trial"), line(ax, "best so far")
    np.testing.assert_array_equal(dots.get_xdata(), [0, 1, 3, 4, 5])
    np.testing.assert_array_equal(dots.get_ydata(), [3.0, 1.0, 2.0, 5.0, 4.0])
    better = np.minimum if direction == "minimize" else np.maximum
    np.testing.assert_array_equal(
        best.get_ydata()[:-1], better.accumulate([3.0, 1.0, 2.0, 5.0, 4.0])
    )
    np.testing.assert_array_equal(line(ax, "failed (1)").get_xdata(), [2])
    star = line(ax, "best value: trial")
    assert star.get_xydata().tolist() == [[1.0, 1.0] if direction == "minimize" else [4.0, 5.0]]
    (errors,) = ax.collections
    np.testing.assert_array_equal(errors.get_segments()[0], [[3.0, 1.75], [3.0, 2.25]])
    low, high = ax.get_ylim()
    assert low < 1.0 and high > 5.0


def test_history_of_values_over_orders_of_magnitude_is_logarithmic(known):
    space = Space({"x": Float(0.0, 1.0)})
    trials = [Trial(i, {"x": 0.5}, "complete", value=10.0**-i) for i in range(6)]
    assert plots.history(known.study_of(trials, space=space)).get_yscale() == "log"
    trials = [Trial(i, {"x": 0.5}, "complete", value=1.0 + i) for i in range(6)]
    assert plots.history(known.study_of(trials, space=space)).get_yscale() == "linear"


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_a_few_far_worse_values_lie_on_the_edge(direction, known):
    sign = 1.0 if direction == "minimize" else -1.0
    values = sign * np.array([0.0, *np.linspace(-1.0, 1.0, 28), 1e9])
    space = Space({"x": Float(0.0, 1.0)})
    trials = [Trial(i, {"x": 0.5}, "complete", value=v) for i, v in enumerate(values.tolist())]
    ax = plots.history(known.study_of(trials, space=space, direction=direction))
    assert np.abs(ax.get_ylim()).max() < 2.0
    beyond = line(ax, "beyond the frame (1)")
    assert beyond.get_xdata().tolist() == [29]
    assert beyond.get_ydata()[0] == ax.get_ylim()[1 if direction == "minimize" else 0]
    assert len(line(ax, "trial").get_xdata()) == 29


def test_marks_are_smaller_and_fainter_the_more_there_are(thirty, thousands):
    few, many = (line(plots.history(s), "trial") for s in (thirty, thousands))
    assert few.get_markersize() > 2.0 * many.get_markersize()
    assert few.get_alpha() > 2.0 * many.get_alpha()


def test_parallel_coordinates_pass_through_every_value(thirty):
    names = ["rate", "units", "batch", "optimizer", "use_dropout", "dropout"]
    ax = plots.parallel_coordinates(thirty)
    assert texts(ax.xaxis) == [*names, "value"]
    failed, complete = (np.array(one.get_segments())[..., 1] for one in ax.collections)
    by_value = sorted((t for t in thirty.trials if t.state == "complete"), key=lambda t: -t.value)
    assert (len(failed), len(complete)) == (30 - len(by_value), len(by_value))
    rates = [(np.log10(t.params["rate"]) + 5.0) / 4.0 for t in by_value]
    np.testing.assert_allclose(complete[:, 0], rates, atol=1e-9)
    for j, trial in enumerate(by_value):
        if "dropout" in trial.params:
            assert complete[j, 5] == pytest.approx(trial.params["dropout"] / 0.6)
        else:
            assert complete[j, 5] < 0.0
    assert (np.diff(complete[:, 6]) <= 0.0).all()  # worst first, so that the best is on top
    assert (failed[:, 6] < 0.0).all()
    np.testing.assert_array_equal(line(ax, "best value: trial").get_ydata(), complete[-1])
    written = [text.get_text() for text in ax.texts]
    for label in ("adam", "sgd $1$", "None", "False", "16", "1e-5", "0.1"):
        assert label in written
    two = plots.parallel_coordinates(thirty, ["units", "rate"])
    assert texts(two.xaxis) == ["units", "rate", "value"]


def bars(ax):
    """State, lane, start and end of each bar."""
    found = []
    for collection in ax.collections:
        for path in collection.get_paths():
            x, y = path.vertices[:, 0], path.vertices[:, 1]
            state = str(collection.get_label()).split()[0]
            found.append(
                (state, round(float(y.mean() if len(y) == 4 else y[:4].mean())), x.min(), x.max())
            )
    return sorted(found, key=lambda bar: bar[2])


def test_timeline_shows_when_each_trial_ran_and_beside_which(known):
    space = Space({"flag": Boolean()})
    on = {"flag": True}
    trials = [
        Trial(0, on, "complete", value=1.0, started=100.0, finished=160.0),
        Trial(1, on, "failed", kind="nan", reason="x", started=110.0, finished=130.0),
        Trial(2, on, "running", started=140.0),
        Trial(3, on, "waiting"),
        Trial(4, on, "complete", value=1.0, started=160.0, finished=200.0),
        Trial(5, on, "paused", value=1.0, started=130.0, finished=138.0),
        Trial(6, on, "stopped", value=1.0, started=200.0, finished=210.0),
    ]
    ax = plots.timeline(known.study_of(trials, space=space))
    assert ax.get_xlabel() == "seconds since the first start"
    assert bars(ax) == [
        ("complete", 0, pytest.approx(0.0), pytest.approx(60.0)),
        ("failed", 1, pytest.approx(10.0), pytest.approx(30.0)),
        ("paused", 1, pytest.approx(30.0), pytest.approx(38.0)),
        ("running", 1, pytest.approx(40.0), pytest.approx(110.0)),
        ("complete", 0, pytest.approx(60.0), pytest.approx(100.0)),
        ("stopped", 0, pytest.approx(100.0), pytest.approx(110.0)),
    ]
    colours = {str(c.get_label()).split()[0]: to_hex(c.get_facecolor()[0]) for c in ax.collections}
    assert colours == {state: colour.lower() for state, colour in style.STATES.items()}
    assert [text.get_text() for text in ax.texts] == ["0", "1", "2", "4", "5", "6"]


def test_a_timeline_of_one_worker_has_one_lane_and_bars_that_can_be_told_apart(known):
    trials = known.trials_of(150, fails=0.1)
    ax = plots.timeline(known.study_of(trials))
    assert ax.get_yticks().tolist() == [0] and texts(ax.yaxis) == ["0"]
    assert all(bars.get_linewidth()[0] > 0.0 for bars in ax.collections)


def test_timeline_cuts_out_long_pauses(known):
    space = Space({"flag": Boolean()})
    trials = [
        Trial(i, {"flag": True}, "complete", value=1.0, started=s, finished=s + 100.0)
        for i, s in enumerate([0.0, 100.0, 200.0 + 3600.0 * 14, 300.0 + 3600.0 * 14])
    ]
    ax = plots.timeline(known.study_of(trials, space=space))
    assert "pauses cut out" in ax.get_xlabel()
    assert "14 hours" in [text.get_text() for text in ax.texts]
    ends = [end for *_, end in bars(ax)]
    assert max(ends) * 60.0 == pytest.approx(400.0 + 0.06 * 400.0)


@pytest.mark.parametrize("name", [*ALL, "convergence"])
def test_legends_stay_within_their_picture(name, known):
    trials = known.trials_of(30)
    far = {"minimize": 1e9, "maximize": -1e9}
    for direction, value in far.items():
        first = next(t for t in trials if t.state == "complete")
        listed = [dataclasses.replace(t, value=value) if t is first else t for t in trials]
        drawn = draw(name, known.study_of(listed, direction=direction))[0]
        figure = drawn if name == "convergence" else drawn.figure
        figure.draw_without_rendering()
        for legend in figure.findobj(Legend):
            box = legend.get_window_extent()
            assert box.x0 >= 0.0 and box.x1 <= figure.bbox.width, (direction, box)


def test_a_slice_of_one_hyperparameter_has_room_for_its_legend(known):
    figure = plots.slices(known.study_of(known.trials_of(30)), ["rate"])[0].figure
    figure.draw_without_rendering()
    assert figure.legends[0].get_window_extent().x1 <= figure.bbox.width
