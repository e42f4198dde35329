"""Pictures of studies with constraints: what cannot be run, and what is probably infeasible."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.legend import Legend

import tfbo
from tfbo import Boolean, Float, Int, NoCompletedTrial, Space, Study, TooFewTrials, plots
from tfbo.plots import configurations, source, style
from tfbo.strategies import Prediction, Random

UNIT = {"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)}


def line(ax, label):
    """The one line whose label begins like that."""
    (found,) = [one for one in ax.lines if str(one.get_label()).startswith(label)]
    return found


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def spans(ax, label):
    """Begin and end of each region of that look along x, first to last."""
    ours = [patch for patch in ax.patches if patch.get_label() == label]
    assert ours, label
    # Only the first of a look has its label.
    alike = [
        p for p in ax.patches if p.get_facecolor() == ours[0].get_facecolor() and p.get_width() > 0
    ]
    return sorted((p.get_x(), p.get_x() + p.get_width()) for p in alike)


@pytest.fixture(scope="module")
def limited():
    """A study of x with a constraint of which the model knows that it holds from 0.3 to 0.6."""

    class Known(Study):
        @property
        def best_trial(self):
            return self.best_observed

        def predict(self, configurations, *, outcome=None):
            return Prediction(
                np.array([p["x"] for p in configurations]), np.full(len(configurations), 0.1)
            )

        def feasibility(self, configurations):
            return np.array([0.9 if 0.3 <= p["x"] <= 0.6 else 0.1 for p in configurations])

        def importance(self, *, outcome=None):
            return dict.fromkeys(UNIT)

    study = Known(Space(UNIT), constraints=["mb <= 5"], strategy=Random(), seed=0)
    for x, mb in ((0.1, 9.0), (0.35, 4.0), (0.55, 3.0), (0.8, 7.0), (0.9, None)):
        told = {"value": x} if mb is None else {"value": x, "mb": mb}
        study.tell(study.enqueue({"x": x, "y": 0.5}), told)
    return study


def test_infeasible_trials_are_diamonds_in_every_picture_of_values(limited):
    drawn = [
        (plots.history(limited), lambda trial: trial.number),
        (plots.slices(limited, ["x"])[0], lambda trial: trial.params["x"]),
        (plots.contour(limited, "x", "y"), lambda trial: trial.params["x"]),
    ]
    kinds = {"trial": True, "infeasible (2)": False, "feasibility not known (1)": None}
    for ax, place in drawn:
        for label, feasible in kinds.items():
            ours = [place(t) for t in limited.trials if t.is_feasible is feasible]
            mark = line(ax, label)
            np.testing.assert_array_equal(mark.get_xdata(), ours)
            assert (mark.get_marker() == "D") == (feasible is not True)
    assert "infeasible (2)" in labels(plots.parallel_coordinates(limited))
    ax = plots.convergence(limited, limited, labels=["one", "other"]).axes[0]
    assert labels(ax)[0] == "one" and "trial" not in labels(ax)


def test_convergence_says_which_trials_do_not_count():
    for unknown, label in ((5.5, "infeasible (2)"), (None, "not known to be feasible (2)")):
        study = Study(Space(UNIT), constraints=["mb <= 5"], strategy=Random(), seed=0)
        for x, mb in ((0.38, 9.0), (0.4, 4.0), (0.5, 3.0), (0.52, unknown)):
            told = {"value": x} if mb is None else {"value": x, "mb": mb}
            study.tell(study.enqueue({"x": x, "y": 0.5}), told)
        ax = plots.convergence(study).axes[0]
        mark = line(ax, label)
        assert mark.get_marker() == "D" and mark.get_xdata().tolist() == [0, 3]
        low, high = ax.get_ylim()
        assert low < 0.4 and high > 0.5


def test_infeasible_trials_count_for_no_best_so_far(limited):
    ax = plots.history(limited)
    best = line(ax, "best so far").get_ydata()
    assert np.isnan(best[0]) and (best[1:] == 0.35).all()  # the first one, 0.1, is infeasible
    assert line(ax, "best value").get_xdata().tolist() == [1]
    figure = plots.convergence(limited)
    assert np.nanmin(line(figure.axes[0], "study").get_ydata()) == 0.35


def test_a_slice_is_coloured_where_constraints_are_probably_broken(limited):
    (ax,) = plots.slices(limited, ["x"])
    (low, high) = spans(ax, "probably infeasible")
    step = 1.0 / 60.0
    assert low == (pytest.approx(-step / 2), pytest.approx(0.3, abs=step))
    assert high == (pytest.approx(0.6, abs=step), pytest.approx(1.0 + step / 2))
    assert np.isfinite(line(ax, "posterior mean").get_ydata()).all()


def test_contour_has_a_line_where_constraints_hold_with_even_odds(limited):
    ax = plots.contour(limited, "x", "y")
    assert "feasible with 50 %" in labels(ax)
    # The regions are patterned, the line is in the colour of what is infeasible.
    (pattern,) = [c for c in ax.collections if c.get_label() == "probably infeasible"]
    corners = np.concatenate([path.vertices for path in pattern.get_paths()])
    inside = (corners[:, 0] > 0.33) & (corners[:, 0] < 0.57)
    assert pattern.get_hatch() and not inside.any()
    edge = [
        c
        for c in ax.collections
        if len(c.get_edgecolor()) and to_hex(c.get_edgecolor()[0]) == style.BROKEN.lower()
    ]
    x = np.concatenate([path.vertices for c in edge for path in c.get_paths()])[:, 0]
    assert np.abs(np.minimum(np.abs(x - 0.3), np.abs(x - 0.6))).max() < 1.0 / 40.0


def test_without_a_model_of_the_constraints_nothing_is_said_of_feasibility():
    class Blind(Study):
        def predict(self, configurations, *, outcome=None):
            return Prediction(np.zeros(len(configurations)), np.ones(len(configurations)))

        def feasibility(self, configurations):
            raise TooFewTrials("mb was told of one trial")

    study = Blind(Space(UNIT), constraints=["mb <= 5"], strategy=Random(), seed=0)
    for x in (0.2, 0.8):
        study.tell(study.enqueue({"x": x, "y": 0.5}), {"value": x, "mb": 1.0})
    (ax,) = plots.slices(study, ["x"])
    assert not any(patch.get_label() == "probably infeasible" for patch in ax.patches)
    assert "probably infeasible" not in labels(plots.contour(study, "x", "y"))


def test_where_none_is_feasible_the_closest_takes_the_place_of_the_best():
    study = Study(Space(UNIT), constraints=["mb <= 5"], strategy=Random(), seed=0)
    for x, mb in ((0.1, 9.0), (0.5, 6.0), (0.8, 7.0)):
        study.tell(study.enqueue({"x": x, "y": 0.5}), {"value": x, "mb": mb})
    with pytest.raises(NoCompletedTrial):
        _ = study.best_trial
    for ax in (plots.slices(study, ["x"])[0], plots.contour(study, "x", "y")):
        star = line(ax, "closest to feasible: trial 1")
        assert star.get_xdata()[0] == 0.5
    assert not [one for one in plots.history(study).lines if "best" in str(one.get_label())]
    assert labels(plots.parallel_coordinates(study)) == ["infeasible (3)"]


class Sum(Study):
    """A study of which the model knows the value: the sum of all numbers. It predicts nothing illegal."""

    def predict(self, configurations, *, outcome=None):
        assert all(isinstance(params, dict) for params in configurations)
        values = np.array([sum(params.values()) for params in configurations])
        return Prediction(values, np.full(len(values), 0.01))

    def importance(self, *, outcome=None):
        return dict.fromkeys(self.space)


def sums(space, told):
    study = Sum(space, direction="maximize", strategy=Random(), seed=0)
    for params in told:
        study.tell(study.enqueue(params), float(sum(params.values())))
    return study


def test_a_slice_shows_nothing_that_breaks_a_constraint_of_the_space():
    space = Space({**UNIT, "n": Int(1, 5)}, constraints=["x + y <= 1", "n <= 3"])
    study = sums(space, [{"x": 0.61, "y": 0.3, "n": 2}, {"x": 0.2, "y": 0.2, "n": 1}])
    x, _, n = plots.slices(study)
    mean = line(x, "posterior mean")
    known = np.isfinite(mean.get_ydata())
    assert (known == (mean.get_xdata() + 0.3 <= 1.0)).all() and not known.all()
    assert 0.61 in mean.get_xdata()  # the best trial, though it is no point of the grid
    ((begin, end),) = spans(x, "breaks a constraint of the space")
    assert 0.68 < begin < 0.72 and end >= 1.0
    assert all(patch.get_hatch() for patch in x.patches if patch.get_label().startswith("breaks"))
    assert spans(n, "breaks a constraint of the space") == [(3.5, 5.5)]
    assert np.isfinite(line(n, "posterior mean").get_ydata()).tolist() == [True] * 3 + [False] * 2
    low, high = x.get_ylim()
    assert np.isfinite([low, high]).all()


def test_contour_shows_nothing_that_breaks_a_constraint_of_the_space():
    space = Space({**UNIT, "n": Int(1, 5)}, constraints=["x + y <= 1"])
    study = sums(space, [{"x": 0.6, "y": 0.3, "n": 2}, {"x": 0.2, "y": 0.2, "n": 1}])
    ax = plots.contour(study, "x", "y")
    hatched, mesh = ax.collections
    assert hatched.get_label() == "breaks a constraint of the space" and hatched.get_hatch()
    grid = np.linspace(0.0, 1.0, 41)
    legal = grid[None] + grid[:, None] <= 1.0
    hidden = np.ma.getmaskarray(mesh.get_array())
    # A sum that is 1 but for rounding is as the space has it.
    sure = np.abs(grid[None] + grid[:, None] - 1.0) > 1e-9
    np.testing.assert_array_equal(hidden[sure], ~legal[sure])
    area = sum(np.ptp(p.vertices[:, 0]) * np.ptp(p.vertices[:, 1]) for p in hatched.get_paths())
    assert area == pytest.approx(hidden.sum() / 40.0**2)


class Lost(Sum):
    """A study of sums of which the model believes that nothing is feasible."""

    def feasibility(self, configurations):
        return np.zeros(len(configurations))


def test_the_pattern_of_what_is_probably_infeasible_fills_the_cells_of_the_mean():
    study = Lost(
        Space({"n": Int(1, 4), "m": Int(1, 9)}, constraints=["n * m <= 18"]),
        direction="maximize", constraints=["mb <= 10"], strategy=Random(), seed=0,
    )  # fmt: skip
    for n, m in ((1, 8), (2, 3)):
        study.tell(study.enqueue({"n": n, "m": m}), {"value": float(n + m), "mb": float(n)})
    ax = plots.contour(study, "m", "n")
    (pattern,) = [c for c in ax.collections if c.get_label() == "probably infeasible"]
    area = sum(np.ptp(p.vertices[:, 0]) * np.ptp(p.vertices[:, 1]) for p in pattern.get_paths())
    assert area == sum(n * m <= 18 for n in range(1, 5) for m in range(1, 10))


def test_along_an_equality_another_number_follows():
    space = Space({name: Float(0.0, 1.0) for name in "abc"}, constraints=["a + b + c == 1"])
    study = sums(space, [{"a": 0.5, "b": 0.3, "c": 0.2}, {"a": 0.1, "b": 0.2, "c": 0.7}])
    for name, ax in zip("abc", plots.slices(study), strict=True):
        # All of the axis can be reached: where one is at its end, the next one follows.
        assert np.isfinite(line(ax, "posterior mean").get_ydata()).all()
        others = ", ".join(other for other in "abc" if other != name)
        assert ax.get_title(loc="right") == f"{others} follow"
    ax = plots.contour(study, "c", "a")
    assert ax.get_title(loc="right") == "b follows"
    hidden = np.ma.getmaskarray(ax.collections[-1].get_array())
    assert 0.4 < hidden.mean() < 0.55


def test_what_follows_is_legal_and_whole_numbers_stay_whole():
    parts = {
        "n": Int(0, 9),
        "m": Int(0, 9),
        "on": Boolean(),
        "x": Float(0.0, 9.0, when={"on": True}),
    }
    space = Space(parts, constraints=["n + 2 * m == 11"])
    study = sums(space, [{"n": 3, "m": 4, "on": False}, {"n": 5, "m": 3, "on": False}])
    around = configurations.around_best(source.of(study))
    assert around.centre["m"] in (3, 4)
    found = [around.at({"n": n}) for n in range(10)]
    legal = [around.allows(params) for params in found]
    assert legal == [n % 2 == 1 for n in range(10)]
    assert all(type(params["m"]) is int for params in found)
    assert around.at({"m": 5})["n"] == 1
    assert not around.allows(around.at({"m": 0}))  # n would be 11


@pytest.mark.parametrize("kind", ["slices", "contour"])
def test_the_legend_of_regions_stays_within_the_picture(kind, limited):
    space = Space({**UNIT, "n": Int(1, 5)}, constraints=["x + y <= 1"])
    study = sums(space, [{"x": 0.6, "y": 0.3, "n": 2}, {"x": 0.2, "y": 0.2, "n": 1}])
    for one in (study, limited):
        drawn = getattr(plots, kind)(one)
        figure = (drawn[0] if kind == "slices" else drawn).figure
        figure.draw_without_rendering()
        for legend in figure.findobj(Legend):
            box = legend.get_window_extent()
            assert box.x0 >= 0.0 and box.x1 <= figure.bbox.width
        texts = [
            text.get_text() for legend in figure.findobj(Legend) for text in legend.get_texts()
        ]
        assert len(texts) == len(set(texts))


def test_of_a_real_model_the_region_is_where_the_constraint_is():
    study = tfbo.Study(Space(UNIT), constraints=["mb <= 5"], strategy=Random(), seed=0)
    for i, x in enumerate(np.linspace(0.0, 1.0, 9).tolist()):
        study.tell(study.enqueue({"x": x, "y": (0.618 * i) % 1.0}), {"value": x, "mb": 10.0 * x})
    (ax,) = plots.slices(study, ["x"])
    ((begin, end),) = spans(ax, "probably infeasible")
    assert begin == pytest.approx(0.5, abs=0.05) and end >= 1.0
