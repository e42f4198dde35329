"""The pictures of a report, as PNG inside of the page."""

from __future__ import annotations

import base64
import functools
import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from tfbo import plots
from tfbo.errors import TFBOError
from tfbo.report.tags import Html, tag
from tfbo.study import Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Picture(NamedTuple):
    """A picture of a report."""

    name: str
    title: str
    caption: str
    draw: Callable[..., Any]
    """From a study; of a value also with the name of an `objective`."""
    of_curves: bool = False
    """True where it is only of studies with a fidelity or learning curves."""
    of_several: bool = False
    """True where it is only of studies with several objectives."""
    of_value: bool = True
    """True where it is of one objective, and drawn of each where there are several."""


PICTURES = (
    Picture(
        "pareto", "The front",
        "The trials by their objectives. Stars are the best compromises, diamonds break constraints. In "
        "green is what the surrogate expects of the front, with its uncertainty.",
        plots.pareto, of_several=True, of_value=False,
    ),
    Picture(
        "hypervolume", "Hypervolume",
        "How much the front dominates after each trial, from the reference point below on.",
        plots.hypervolume, of_several=True, of_value=False,
    ),
    Picture(
        "history", "Values",
        "The value of each trial, and the best so far. Crosses or bars at the bottom are failed trials, "
        "hollow dots values of an earlier step.",
        plots.history,
    ),
    Picture(
        "curves", "Learning curves",
        "The values of each trial step by step, by outcome, with the best one and 90 % bands of what the "
        "surrogate forecasts.",
        plots.curves, of_curves=True, of_value=False,
    ),
    Picture(
        "budget", "Steps spent",
        "The steps that each trial was trained for, by outcome. The area below the dashed line and above "
        "the bars is what was saved.",
        plots.budget, of_curves=True, of_value=False,
    ),
    Picture(
        "importance", "Which hyperparameters matter",
        "The share of the objective's variance that each explains, by itself (first order) and with "
        "its interactions (total), as the surrogate sees it. Hollow bars: it does not know yet.",
        plots.importance,
    ),
    Picture(
        "slices", "Each hyperparameter by itself",
        "What the surrogate expects, the other hyperparameters as in the best trial. Dots are trials, "
        "whose others are not. Where the band is hatched, it knows next to nothing.",
        plots.slices,
    ),
    Picture(
        "contour", "The two that matter most",
        "What the surrogate expects, the other hyperparameters as in the best trial. Darker is better.",
        plots.contour,
    ),
    Picture(
        "parallel", "All trials",
        "A line for each trial through its hyperparameters to its value. Darker is better.",
        plots.parallel_coordinates,
    ),
    Picture(
        "calibration", "How far the surrogate can be trusted",
        "Each observation against what is predicted of it from all the others.",
        plots.calibration,
    ),
    Picture(
        "timeline", "When trials ran", "A bar for each trial, in lanes of trials that ran at once.",
        plots.timeline, of_value=False,
    ),
)  # fmt: skip


def wanted(study: Study) -> list[Picture]:
    """The pictures of a study: of each of several objectives, and without curves where it has none."""
    curved = study.fidelity is not None or any(trial.curve for trial in study.trials)
    several = list(study.objectives) if len(study.objectives) > 1 else []
    found: list[Picture] = []
    for picture in PICTURES:
        if (picture.of_curves and not curved) or (picture.of_several and not several):
            continue
        found += _of_each(picture, several) if several and picture.of_value else [picture]
    return found


def _of_each(picture: Picture, objectives: Sequence[str]) -> list[Picture]:
    return [
        picture._replace(
            name=f"{picture.name}-{i}",
            title=f"{picture.title}: {name}",
            draw=functools.partial(picture.draw, objective=name),
        )
        for i, name in enumerate(objectives)
    ]


def figure(study: Study, picture: Picture) -> Html:
    """The picture under its title; where it cannot be drawn, why."""
    try:
        drawn = picture.draw(study)
        ax = drawn[0] if picture.name.startswith("slices") else drawn
        shown = _image(ax.figure, f"{picture.title}. {picture.caption}")
    except TFBOError as error:
        shown = tag("p", str(error), class_="missing")
    except (ValueError, ArithmeticError) as error:
        # matplotlib's, of numbers near the largest floats.
        shown = tag("p", f"It cannot be drawn: {error}.", class_="missing")
    return tag(
        "figure", tag("h2", picture.title), tag("figcaption", picture.caption), shown,
        id=f"plot-{picture.name}",
    )  # fmt: skip


def _image(figure: Figure, text: str) -> Html:
    from PIL import Image  # matplotlib needs it too

    drawn, file = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png")
    # Without transparency and well packed: an eighth less, in a page that is mostly pictures.
    Image.open(drawn).convert("RGB").save(file, format="png", optimize=True)
    width = round(figure.get_size_inches()[0] * 100.0)
    data = base64.b64encode(file.getvalue()).decode("ascii")
    return Html(
        tag("img", src=f"data:image/png;base64,{data}", alt=text, width=width)[: -len("</img>")]
    )
