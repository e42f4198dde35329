"""What is on the Axes of pictures of the surrogate."""

import dataclasses
import io

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text

import tfbo
from tfbo import Float, Int, Space, Study, plots
from tfbo.plots import style
from tfbo.strategies import Prediction, Random
from tfbo.trial import Trial


def draw(name, study, **settings):
    drawn = getattr(plots, name)(study, **settings)
    return list(drawn) if isinstance(drawn, np.ndarray) else [drawn]


def line(ax, label):
    """The one line whose label begins like that."""
    (found,) = [one for one in ax.lines if str(one.get_label()).startswith(label)]
    return found


def texts(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


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
    grey, mesh = plots.contour(study, "use_dropout", "dropout").collections
    assert grey.get_label() == "not active together"
    corners = np.concatenate([path.vertices for path in grey.get_paths()])
    assert (corners[:, 0].min(), corners[:, 0].max()) == (-0.5, 0.5)
    hidden = np.ma.getmaskarray(mesh.get_array())
    assert hidden[:, 0].all() and not hidden[:, 1].any()


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


def test_importance_says_how_much_is_known(known):
    study = known.study_of(known.trials_of(40, fails=0.0))
    ax = plots.importance(study)
    said = ax.get_xlabel()
    assert "totals overlap" in said
    entries = [text.get_text() for text in ax.get_legend().get_texts()]
    assert "by itself (first order)" in entries and "with its interactions (total)" in entries
    done = study.leave_one_out()
    spread = np.square(done.value - done.value.mean()).sum()
    share = 1.0 - np.square(done.value - done.mean).sum() / spread
    assert share > 0.33 and f"predicts {100.0 * share:.0f} % of the variance" in said
    assert all(bar.get_fill() for bars in ax.containers for bar in bars)


def test_importance_of_a_surrogate_that_knows_nothing_is_hollow(known):
    trials = known.trials_of(9, fails=0.0)
    trials = [dataclasses.replace(t, value=float(t.number % 2)) for t in trials]
    ax = plots.importance(known.study_of(trials))  # its predictions are off by up to 3
    assert "predicts 0 % of the variance" in ax.get_xlabel()
    assert "Run more trials" in ax.get_xlabel()
    assert not any(bar.get_fill() for bars in ax.containers for bar in bars)


def test_slices_mark_where_nothing_is_known(known):
    space = Space({"x": Float(0.0, 1.0), "kind": tfbo.Categorical(["a", "b"])})
    trials = [Trial(i, {"x": 0.1 * i, "kind": "a"}, "complete", value=float(i)) for i in range(5)]

    class Sure(known.Flat):
        """Sure on the left, and of one kind."""

        def predict(self, configurations, *, outcome=None):
            sure = [p["x"] < 0.5 and p["kind"] == "a" for p in configurations]
            return Prediction(np.zeros(len(sure)), np.where(sure, 0.1, 3.0))

    number, kind = plots.slices(known.study_of(trials, space=space, kind=Sure))
    _, blank = number.collections
    assert blank.get_label().startswith("little or nothing known") and blank.get_hatch()
    x = blank.get_paths()[0].vertices[:, 0]
    assert 0.5 <= x.min() < 0.53 and x.max() == 1.0
    hatched = [bar for bar in kind.patches if bar.get_hatch()]
    assert [round(bar.get_x() + 0.35) for bar in hatched] == [1]
    entries = [text.get_text() for text in number.figure.legends[0].get_texts()]
    assert sum(text.startswith("little or nothing known") for text in entries) == 1
    assert sum(text.startswith("trial") for text in entries) == 1


FRAMED = ["history", "slices", "contour", "calibration", "parallel_coordinates"]


@pytest.mark.parametrize("name", FRAMED)
def test_every_picture_says_that_an_outcome_is_far_off(name, known):
    trials = known.trials_of(30, fails=0.0)
    trials[20] = dataclasses.replace(trials[20], value=1e9)
    settings = {"x": "rate", "y": "optimizer"} if name == "contour" else {}
    axes = draw(name, known.study_of(trials), **settings)
    figure = axes[0].figure
    figure.draw_without_rendering()
    said = " ".join(text.get_text() for text in figure.findobj(Text))
    assert "beyond the frame" in said
    if name in ("history", "slices", "calibration"):
        assert axes[0].get_ylim()[1] < 1000.0


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
    drawn = {name: draw(name, study)[0] for name in ("history", "parallel_coordinates", "timeline")}
    drawn["slices"], drawn["contour"] = draw("slices", study)[0], plots.contour(study, "x", "n")
    for ax in drawn.values():
        ax.figure.savefig(io.BytesIO(), format="png", dpi=30)
        for low, high in (ax.get_xlim(), ax.get_ylim()):
            assert np.isfinite([low, high]).all() and low != high
    for ax in (drawn["slices"], drawn["contour"]):  # the offset does not swallow what differs
        low, high = ax.get_xlim()
        assert low <= 1e6 and 1e6 + 1.0 <= high < 1e6 + 2.0
        assert len(set(texts(ax.xaxis))) == len(texts(ax.xaxis)) > 1
    assert drawn["history"].get_ylim()[0] < 0.0 < drawn["history"].get_ylim()[1]


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


def test_the_legend_of_slices_counts_what_is_far_off_on_either_side(known):
    trials = known.trials_of(30, fails=0.0)
    for number, value in ((3, 1e9), (4, 1e8), (5, -1e9)):
        trials[number] = dataclasses.replace(trials[number], value=value)
    # The first panel has few of them.
    without = {k: v for k, v in trials[3].params.items() if k != "dropout"}
    trials[3] = dataclasses.replace(trials[3], params={**without, "use_dropout": False})
    figure = plots.slices(known.study_of(trials), ["dropout", "rate"])[0].figure
    entries = [text.get_text() for text in figure.legends[0].get_texts()]
    far = [text for text in entries if text.startswith("beyond")]
    assert far == ["beyond the frame (2), up to 1e9", "beyond the frame (1), down to -1e9"]
    assert entries.count("trial") == 1


def test_where_few_are_complete_a_slice_has_room_for_what_is_predicted_of_the_others(known):
    class Valley(known.Forecasting):
        def predict(self, configurations, *, outcome=None):
            mean = np.array([params["x"] ** 2 for params in configurations])
            return Prediction(mean, np.full(len(mean), 0.05))

    space = Space({"x": Float(-1.0, 1.0)})
    complete = [Trial(i, {"x": x}, "complete", x**2) for i, x in enumerate([0.0, 0.01, 0.02])]
    paused = [
        Trial(3 + i, {"x": x}, "paused", 5.0, start=0, until=1, spent=1, curve={1: 5.0})
        for i, x in enumerate(np.linspace(-0.9, 0.9, 7).tolist())
    ]
    steps = tfbo.Fidelity(1, 9)
    study = known.study_of([*complete, *paused], space=space, kind=Valley, fidelity=steps)
    (ax,) = plots.slices(study)
    low, high = ax.get_ylim()
    assert low < 0.0 and 0.9 < high < 5.0
    assert not any(patch.get_hatch() for patch in ax.collections)  # 0.05 is little beside 0.8
