"""What is on the Axes of each picture."""

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import tfbo
from tfbo import Boolean, Constant, Float, Int, InvalidArgument, Space, Study, plots
from tfbo.errors import TooFewTrials
from tfbo.plots import style
from tfbo.strategies import Random
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
    star = line(ax, "best: trial")
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


def test_slices_show_the_posterior_with_the_others_at_the_best(thirty, known):
    names = ["rate", "units", "batch", "optimizer", "use_dropout", "dropout"]
    axes = plots.slices(thirty)
    assert [ax.get_xlabel() for ax in axes] == names
    assert [ax.get_xscale() for ax in axes] == ["log"] + ["linear"] * 5
    by_name = dict(zip(names, axes, strict=True))
    best = thirty.best_trial.params
    drawn = line(by_name["rate"], "posterior mean")
    expected = [known.mean({**best, "rate": rate}) for rate in drawn.get_xdata()]
    low, high = by_name["rate"].get_ylim()
    np.testing.assert_allclose(drawn.get_ydata(), np.clip(expected, low, high), rtol=1e-12)
    assert (drawn.get_xdata()[0], drawn.get_xdata()[-1]) == (1e-5, 1e-1)
    (band,) = by_name["rate"].collections
    vertices = band.get_paths()[0].vertices[:, 1]
    ends = np.clip([np.add(expected, 0.98), np.subtract(expected, 0.98)], low, high)
    np.testing.assert_allclose(
        [vertices.max(), vertices.min()], [ends.max(), ends.min()], atol=1e-3
    )
    assert set(line(by_name["units"], "posterior mean").get_xdata()) == set(range(32, 513, 32))
    assert texts(by_name["optimizer"].xaxis) == ["adam", "sgd $1$", "None"]
    assert texts(by_name["use_dropout"].xaxis) == ["False", "True"]
    assert texts(by_name["batch"].xaxis) == ["16", "64", "256"]
    assert not any(label.get_parse_math() for label in by_name["optimizer"].get_xticklabels())


def test_slices_show_trials_where_they_are(thirty):
    rate, _, batch, _, _, dropout = plots.slices(thirty)
    complete = [trial for trial in thirty.trials if trial.state == "complete"]
    failed = [trial for trial in thirty.trials if trial.state == "failed"]
    dots = line(rate, "trial")
    np.testing.assert_array_equal(dots.get_xdata(), [t.params["rate"] for t in complete])
    np.testing.assert_array_equal(dots.get_ydata(), [t.value for t in complete])
    crosses = line(rate, f"failed ({len(failed)})")
    np.testing.assert_array_equal(crosses.get_xdata(), [t.params["rate"] for t in failed])
    assert to_hex(crosses.get_color()) == style.VERMILLION.lower()
    # Choices are spread around their place, never so far that they could be taken for another.
    places = np.array([[16, 64, 256].index(t.params["batch"]) for t in complete])
    assert np.abs(line(batch, "trial").get_xdata() - places).max() <= 0.25
    active = [t for t in complete if "dropout" in t.params]
    assert 0 < len(active) < len(complete)
    np.testing.assert_array_equal(
        line(dropout, "trial").get_xdata(), [t.params["dropout"] for t in active]
    )
    assert f"active in {len(active)} of {len(complete)}" in dropout.get_title(loc="right")


def test_a_slice_that_is_not_active_in_the_best_trial_says_what_was_moved(known):
    params = known.trials_of(1)[0].params
    plain = {k: v for k, v in params.items() if k != "dropout"}
    off, on = {**plain, "use_dropout": False}, {**plain, "use_dropout": True, "dropout": 0.5}
    trials = [Trial(0, off, "complete", value=-9.0), Trial(1, on, "complete", value=9.0)]
    study = known.study_of(trials)
    (ax,) = plots.slices(study, ["dropout"])
    assert "with use_dropout = True" in ax.get_title(loc="right")
    drawn = line(ax, "posterior mean")
    expected = np.log10(params["rate"]) ** 2 + drawn.get_xdata()
    np.testing.assert_allclose(drawn.get_ydata(), np.clip(expected, *ax.get_ylim()))
    # A value of a parent at which it is not active leaves no room for it.
    grid = plots.contour(study, "use_dropout", "dropout").collections
    masked = [np.ma.getmaskarray(mesh.get_array()) for mesh in grid]
    assert [hidden[:, 0].all() for hidden in masked] == [False, True]
    assert not masked[1][:, 1].any()


def test_contour_shows_the_posterior_mean(thirty, known):
    ax = plots.contour(thirty, "rate", "optimizer")
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "linear")
    assert texts(ax.yaxis) == ["adam", "sgd $1$", "None"]
    (mesh,) = ax.collections
    best = thirty.best_trial.params
    rates = np.geomspace(1e-5, 1e-1, 41)
    expected = [known.mean({**best, "rate": rate}) for rate in rates]
    drawn = np.asarray(mesh.get_array())
    assert drawn.shape == (3, 41)
    np.testing.assert_allclose(drawn[0], np.clip(expected, *mesh.get_clim()))
    assert mesh.get_clim()[0] >= min(expected) - 1e-9
    complete = [t for t in thirty.trials if t.state == "complete"]
    np.testing.assert_array_equal(
        line(ax, "trial").get_xdata(), [t.params["rate"] for t in complete]
    )


def test_contour_takes_the_most_important_that_are_left(thirty):
    ax = plots.contour(thirty)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("dropout", "rate")
    ax = plots.contour(thirty, y="dropout")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("rate", "dropout")


def test_darker_is_better_in_either_direction(thirty, known):
    for direction in ("minimize", "maximize"):
        study = known.study_of(list(thirty.trials), direction=direction)
        (mesh,) = plots.contour(study, "rate", "optimizer").collections
        low, high = mesh.get_clim()
        good, bad = (low, high) if direction == "minimize" else (high, low)
        brightness = [sum(mesh.cmap(mesh.norm(value))[:3]) for value in (good, bad)]
        assert brightness[0] < brightness[1]


def test_importance_shows_both_orders_with_intervals(thirty):
    ax = plots.importance(thirty)
    assert texts(ax.yaxis)[:2] == ["dropout", "rate"]
    first, total = ([bar.get_width() for bar in bars] for bars in ax.containers)
    np.testing.assert_allclose(first, [0.5 / i for i in range(1, 7)])
    np.testing.assert_allclose(total, [0.6 / i for i in range(1, 7)])
    ends = [segment[:, 0].tolist() for lines in ax.collections for segment in lines.get_segments()]
    assert ends[0] == [0.4, 0.6] and ends[6] == [0.5, 0.7]
    low, high = ax.get_ylim()
    assert low > high  # the most important at the top


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
    np.testing.assert_array_equal(line(ax, "best: trial").get_ydata(), complete[-1])
    written = [text.get_text() for text in ax.texts]
    for label in ("adam", "sgd $1$", "None", "False", "16", "1e-5", "0.1"):
        assert label in written
    two = plots.parallel_coordinates(thirty, ["units", "rate"])
    assert texts(two.xaxis) == ["units", "rate", "value"]


def test_calibration_states_the_coverage(known):
    study = known.study_of(known.trials_of(40, fails=0.0))
    ax = plots.calibration(study)
    assert "25 % in the 50 % intervals, 50 % in the 80 %, 75 % in the 95 %" in ax.get_xlabel()
    inside, outside = line(ax, "in its 95 %"), line(ax, "outside")
    assert (len(inside.get_xdata()), len(outside.get_xdata())) == (30, 10)
    value = np.array([trial.value for trial in study.trials])
    np.testing.assert_allclose(outside.get_xdata(), value[3::4])
    np.testing.assert_allclose(outside.get_ydata(), np.minimum(value[3::4] + 3.0, ax.get_ylim()[1]))
    assert ax.get_xlim() == ax.get_ylim()


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
    ]
    ax = plots.timeline(known.study_of(trials, space=space))
    assert ax.get_xlabel() == "seconds since the first start"
    assert bars(ax) == [
        ("complete", 0, pytest.approx(0.0), pytest.approx(60.0)),
        ("failed", 1, pytest.approx(10.0), pytest.approx(30.0)),
        ("running", 1, pytest.approx(40.0), pytest.approx(100.0)),
        ("complete", 0, pytest.approx(60.0), pytest.approx(100.0)),
    ]
    colours = {str(c.get_label()).split()[0]: to_hex(c.get_facecolor()[0]) for c in ax.collections}
    assert colours == {state: colour.lower() for state, colour in style.STATES.items()}
    assert [text.get_text() for text in ax.texts] == ["0", "1", "2", "4"]


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


def test_names_that_look_alike_are_told_apart(known):
    space = Space({"x": tfbo.Categorical([1, "1", True, "True", "x" * 50])})
    trials = [Trial(i, {"x": v}, "complete", value=i) for i, v in enumerate([1, "1", True])]
    (ax,) = plots.slices(known.study_of(trials, space=space, kind=known.Flat), ["x"])
    labels = texts(ax.xaxis)
    assert labels[:4] == ["1", "'1'", "True", "'True'"]
    assert len(labels[4]) <= 22 and "…" in labels[4]


def test_equal_values_and_narrow_ranges_can_be_drawn(known):
    space = Space({"x": Float(1e6, 1e6 + 1.0), "n": Int(1, 2, log=True)})
    trials = [
        Trial(
            i,
            {"x": 1e6 + 0.1 * i, "n": 1 + i % 2},
            "complete",
            value=0.0,
            started=5.0,
            finished=5.0,
        )
        for i in range(9)
    ]
    study = known.study_of(trials, space=space, kind=known.Flat)
    for name in ("history", "slices", "parallel_coordinates", "timeline"):
        draw(name, study)[0].figure.savefig("/dev/null", format="png", dpi=30)
    plots.contour(study, "x", "n").figure.savefig("/dev/null", format="png", dpi=30)


def test_pictures_of_the_real_surrogate():
    space = Space({"x": Float(-1.0, 1.0), "n": Int(1, 8)})
    study = Study(space, seed=0, strategy=Random())
    for _ in range(8):
        trial = study.ask()
        study.tell(trial, trial.params["x"] ** 2 + 0.1 * trial.params["n"])
    rate, count = plots.slices(study)
    mean, _ = study.predict([{**study.best_params, "x": 0.0}])
    drawn = line(rate, "posterior mean")
    assert np.interp(0.0, drawn.get_xdata(), drawn.get_ydata()) == pytest.approx(mean[0], abs=1e-3)
    assert len(line(count, "posterior mean").get_xdata()) == 8
    assert "% in the 95 %" in plots.calibration(study).get_xlabel()
    assert set(texts(plots.importance(study).yaxis)) == {"x", "n"}
