"""The front of several objectives, its hypervolume, and pictures of one objective of several."""

import io

import numpy as np
import pytest
from matplotlib.colors import to_hex

from tfbo import Float, InvalidArgument, Space, Study, TooFewTrials, plots
from tfbo.plots import fronts, style
from tfbo.strategies import Prediction, Random
from tfbo.trial import Goals, front

SPACE = Space({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)})
TWO = {"gain": "maximize", "cost": "minimize"}
THREE = {**TWO, "mb": "minimize"}
# Trial 4 is dominated by 1, trial 5 breaks the constraint.
TOLD = [(1.0, 1.0), (2.0, 1.5), (3.0, 4.0), (2.5, 2.0), (1.5, 3.0), (4.0, 1.0)]
VALUED = ["history", "slices", "contour", "importance", "parallel_coordinates", "calibration"]


class Known(Study):
    """A study whose models know each outcome: gain is x, cost x squared, mb 1 - x; all with 0.01."""

    def predict(self, configurations, *, outcome=None):
        mean = np.array([VALUES[outcome](params["x"]) for params in configurations])
        return Prediction(mean, np.full(len(mean), 0.01))

    def sample(self, configurations, count=1, *, outcome=None, seed=0):
        mean, _ = self.predict(configurations, outcome=outcome)
        shifts = np.linspace(-1.96, 1.96, count) * 0.01
        # A draw that gains more costs less.
        return mean + (shifts if outcome == "gain" else -shifts)[:, None]

    def feasibility(self, configurations):
        return np.array([float(params["y"] <= 0.5) for params in configurations])


VALUES = {"gain": lambda x: x, "cost": lambda x: x**2, "mb": lambda x: 1.0 - x}


def told(objectives=TWO, kind=Study, **settings):
    study = kind(
        SPACE,
        objectives=objectives,
        constraints=["power <= 10"],
        strategy=Random(),
        seed=0,
        **settings,
    )
    for i, (gain, cost) in enumerate(TOLD):
        values = {"gain": gain, "cost": cost, "mb": 0.1 * i, "power": 99.0 if i == 5 else 1.0}
        values = {name: values[name] for name in (*objectives, "power")}
        study.tell(study.enqueue({"x": 0.1 * i, "y": 0.15 * i}), values)
    study.tell(study.ask(), state="failed", reason="no")
    return study


def known(objectives=TWO):
    study = Known(SPACE, objectives=objectives, strategy=Random(), seed=0)
    for x in (0.1, 0.5, 0.9):
        values = {name: VALUES[name](x) for name in objectives}
        study.tell(study.enqueue({"x": x, "y": 0.1}), values)
    return study


def scattered(ax, label):
    """Places of the marks of a scatter or a line whose label begins like that."""
    for one in (*ax.collections, *ax.lines):
        if str(one.get_label()).startswith(label):
            return np.asarray(
                one.get_offsets() if hasattr(one, "get_offsets") else one.get_xydata()
            )
    raise AssertionError(f"nothing is labelled {label!r}")


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_pareto_shows_front_dominated_and_infeasible_trials_apart():
    ax = plots.pareto(told())
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("gain (maximise)", "cost (minimise)")
    np.testing.assert_allclose(scattered(ax, "front (4)"), [TOLD[i] for i in (0, 1, 2, 3)])
    np.testing.assert_allclose(scattered(ax, "dominated (1)"), [TOLD[4]])
    assert len(scattered(ax, "infeasible (1)")) == 1
    assert [text.get_text() for text in ax.texts] == ["0", "1", "2", "3"]


def test_the_staircase_is_the_boundary_of_what_the_front_dominates():
    ax = plots.pareto(told())
    (stairs,) = [
        o
        for o in ax.lines
        if to_hex(o.get_color()) == style.BEST.lower() and len(o.get_xdata()) > 2
    ]
    corners = stairs.get_xydata()
    # From where gain is worst, over the front by gain, to where cost is worst.
    np.testing.assert_allclose(corners[1:-1:2], [(1.0, 1.0), (2.0, 1.5), (2.5, 2.0), (3.0, 4.0)])
    np.testing.assert_allclose(corners[2:-2:2], [(1.0, 1.5), (2.0, 2.0), (2.5, 4.0)])
    assert corners[0, 0] <= ax.get_xlim()[0] and corners[-1, 1] >= ax.get_ylim()[1]


@pytest.mark.parametrize("seed", range(3))
def test_staircase_and_attained_agree_with_dominance(seed):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(40, 2)).round(1)
    best = scores[front.on_front(scores)]
    grid = np.linspace(-3.0, 3.0, 101)
    found = fronts.attained(scores, grid)
    for x, y in zip(grid, found, strict=True):
        assert y == max((s[1] for s in scores if s[0] >= x), default=-np.inf)
    corners = fronts.staircase(best, np.array([-9.0, -9.0]))
    assert (np.diff(corners[:, 0]) >= 0.0).all() and (np.diff(corners[:, 1]) <= 0.0).all()
    middles = 0.5 * (corners[1:] + corners[:-1])
    on_line = [(best >= m).all(axis=1).any() for m in middles]
    beyond = [(best > m + 1e-9).all(axis=1).any() for m in middles]
    assert all(on_line) and not any(beyond)


def test_pareto_shows_the_front_of_the_models_and_its_uncertainty():
    study = known()
    ax = plots.pareto(study)
    (band,) = [c for c in ax.collections if "front of the surrogate" in str(c.get_label())]
    (line,) = [o for o in ax.lines if to_hex(o.get_color()) == style.MODEL.lower()]
    gain, cost = line.get_xdata(), line.get_ydata()
    inside = (gain > 0.15) & (gain < 0.85)
    # The front of the known functions; configurations are as dense as a hundredth.
    np.testing.assert_allclose(cost[inside], gain[inside] ** 2, atol=0.03)
    corners = band.get_paths()[0].vertices
    at = np.abs(corners[:, 0] - 0.5) < 0.005
    low, high = corners[at, 1].min(), corners[at, 1].max()
    assert low < 0.25 < high and high - low == pytest.approx(4.0 * 0.0176, abs=0.02)


def test_the_front_of_the_models_is_of_probably_feasible_configurations():
    found = fronts.modelled(known(), Goals.of(TWO), known().best_trials)
    assert found.draws.shape[0] == 64 and found.draws.shape[2] == 2
    scores = found.mean * [1.0, -1.0]
    assert front.on_front(scores).all() and len(scores) > 50

    class Nothing(Known):
        def feasibility(self, configurations):
            return np.zeros(len(configurations))

    study = Nothing(SPACE, objectives=TWO, strategy=Random(), seed=0)
    assert fronts.modelled(study, Goals.of(TWO), []) is None


def test_a_third_objective_is_a_colour_and_the_bar_says_which():
    study = told(THREE)
    ax = plots.pareto(study)
    (bar,) = [other for other in ax.figure.axes if other is not ax]
    assert bar.get_ylabel() == "mb (minimise)"
    stars = next(c for c in ax.collections if str(c.get_label()).startswith("front"))
    best = [trial.values["mb"] for trial in study.best_trials]
    np.testing.assert_allclose(stars.get_array(), best)
    brightness = [sum(stars.cmap(stars.norm(value))[:3]) for value in (0.0, 0.5)]
    assert brightness[0] < brightness[1]  # darker is better
    drawn = plots.pareto(known(THREE))
    assert len(scattered(drawn, "front of the surrogate, 90 % intervals")) > 5


def test_two_of_three_objectives_can_be_named_and_the_front_is_of_all():
    study = told(THREE)
    ax = plots.pareto(study, ["mb", "gain"])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("mb (minimise)", "gain (maximise)")
    assert len(scattered(ax, "front")) == len(study.best_trials)
    assert len(ax.figure.axes) == 1


def test_wrong_objectives_are_answered_with_those_there_are():
    study = told(THREE)
    for names, said in (
        (["gain", "ms"], "got 'ms'"),
        (["gain"], "two or three"),
        (["gain"] * 2, "two or"),
        ("gain", "a list"),
    ):
        with pytest.raises(InvalidArgument, match=rf"{said}.*There are: 'gain', 'cost', 'mb'"):
            plots.pareto(study, names)
    many = Study(SPACE, objectives=dict.fromkeys("abcd", "minimize"), strategy=Random(), seed=0)
    many.tell(many.ask(), dict.fromkeys("abcd", 1.0))
    with pytest.raises(InvalidArgument, match=r"two or three objectives.*Name two or three"):
        plots.pareto(many)
    plots.pareto(many, ["a", "d"])
    single = Study(SPACE, strategy=Random(), seed=0)
    for picture in (plots.pareto, plots.hypervolume):
        with pytest.raises(InvalidArgument, match=r"several objectives.*plots\.history"):
            picture(single)
        with pytest.raises(TooFewTrials, match="a complete trial"):
            picture(Study(SPACE, objectives=TWO, strategy=Random(), seed=0))
        with pytest.raises(InvalidArgument, match="study: expected a Study"):
            picture([1.0])


def test_a_reference_that_was_given_is_drawn():
    ax = plots.pareto(told(reference={"gain": 1.2, "cost": 3.5}))
    np.testing.assert_allclose(scattered(ax, "reference"), [(1.2, 3.5)])
    assert "reference" not in labels(plots.pareto(told()))


def test_while_nothing_is_feasible_both_pictures_say_so():
    study = Study(SPACE, objectives=TWO, constraints=["power <= 10"], strategy=Random(), seed=0)
    study.tell(study.ask(), {"gain": 1.0, "cost": 1.0, "power": 50.0})
    for ax in (plots.pareto(study), plots.hypervolume(study)):
        assert "no complete trial is feasible" in ax.get_xlabel()
        assert "infeasible (1)" in labels(ax)
        ax.figure.savefig(io.BytesIO())


def test_hypervolume_grows_with_the_front_from_one_reference():
    study = told()
    reference = {"gain": 0.0, "cost": 5.0}
    ax = plots.hypervolume(study, reference=reference)
    goals = Goals.of(TWO)
    complete = [trial for trial in study.trials if trial.state == "complete"]
    expected = [
        goals.hypervolume(goals.front(complete[: i + 1]), reference) for i in range(len(complete))
    ]
    np.testing.assert_allclose(ax.lines[0].get_ydata()[:-1], expected)
    assert expected[-1] == study.hypervolume(reference) and expected[-2] == expected[-1]
    # Trial 4 is dominated when it is told, and trial 5 is infeasible.
    assert scattered(ax, "joined the front (4)")[:, 0].tolist() == [0, 1, 2, 3]
    assert scattered(ax, "infeasible (1)")[:, 0].tolist() == [5]
    assert scattered(ax, "failed (1)")[:, 0].tolist() == [6]
    assert "gain = 0, cost = 5" in ax.get_xlabel()


def test_an_inferred_reference_is_one_for_all_trials():
    ax = plots.hypervolume(told())
    volumes = ax.lines[0].get_ydata()
    assert volumes[-1] == pytest.approx(told().hypervolume())
    assert (np.diff(volumes) >= 0.0).all()
    with pytest.raises(InvalidArgument, match="reference"):
        plots.hypervolume(told(), reference={"gain": 0.0})


@pytest.mark.parametrize("name", [*VALUED, "convergence"])
def test_a_picture_of_a_value_asks_for_the_name_of_an_objective(name):
    study = told()
    for wrong in ({}, {"objective": "power"}, {"objective": "x"}):
        with pytest.raises(
            InvalidArgument, match=r"objective.*There are: 'gain', 'cost'; plots\.pareto"
        ):
            getattr(plots, name)(study, **wrong)
    single = Study(SPACE, strategy=Random(), seed=0)
    with pytest.raises(InvalidArgument, match=r"or None, got 'loss'\. There are: 'value'"):
        getattr(plots, name)(single, objective="loss")


def test_pictures_are_of_the_objective_that_is_named():
    study = told()
    ax = plots.history(study, objective="cost")
    assert ax.get_ylabel() == "cost (minimise)"
    np.testing.assert_allclose(scattered(ax, "trial")[:, 1], [cost for _, cost in TOLD[:5]])
    np.testing.assert_allclose(scattered(ax, "best value: trial 0"), [(0.0, 1.0)])
    ax = plots.history(study, objective="gain")
    np.testing.assert_allclose(scattered(ax, "best value: trial 2"), [(2.0, 3.0)])
    ax = plots.parallel_coordinates(study, objective="cost")
    assert ax.get_xticklabels()[-1].get_text() == "cost"
    axes = plots.convergence(study, objective="gain").axes[0]
    assert axes.get_ylabel() == "gain (line: best so far)"
    assert np.nanmax(axes.lines[1].get_ydata()) == 3.0


def test_predictions_are_of_the_objective_that_is_named():
    study = known()
    for name in TWO:
        (ax,) = plots.slices(study, ["x"], objective=name)
        mean = next(o for o in ax.lines if o.get_label() == "posterior mean")
        expected = [VALUES[name](x) for x in mean.get_xdata()]
        np.testing.assert_allclose(mean.get_ydata(), np.clip(expected, *ax.get_ylim()), atol=1e-12)
        best = 2 if name == "gain" else 0
        assert f"best {name}: trial {best}" in [str(one.get_label()) for one in ax.lines]
    ax = plots.contour(study, "x", "y", objective="cost")
    assert ax.figure.axes[1].get_ylabel() == "mean of cost (minimise)"


def test_a_named_objective_alone_is_what_the_axis_says():
    study = Study(SPACE, objectives={"loss": "minimize"}, strategy=Random(), seed=0)
    study.tell(study.ask(), 1.0)
    assert plots.history(study).get_ylabel() == "loss (minimise)"
    assert plots.history(study, objective="loss").get_ylabel() == "loss (minimise)"


def test_pictures_of_times_need_no_objective():
    study = Study(SPACE, objectives=TWO, strategy=Random(), seed=0)
    trial = study.ask()
    study.report(trial, 1, 0.5)
    study.tell(trial, (1.0, 2.0))
    for picture in (plots.timeline, plots.budget, plots.curves):
        picture(study)
    assert plots.curves(study).get_ylabel() == "gain (maximise)"
