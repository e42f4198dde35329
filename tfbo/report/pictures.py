"""The pictures of a report, as PNG inside of the page."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
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
    draw: Callable[[Study], Any]
    of_curves: bool = False
    """True where it is only of studies with a fidelity or learning curves."""


PICTURES = (
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
        plots.curves, of_curves=True,
    ),
    Picture(
        "budget", "Steps spent",
        "The steps that each trial was trained for, by outcome. The area below the dashed line and above "
        "the bars is what was saved.",
        plots.budget, of_curves=True,
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
        plots.timeline,
    ),
)  # fmt: skip


def wanted(study: Study) -> list[Picture]:
    """The pictures of a study: without learning curves where it has none."""
    curved = study.fidelity is not None or any(trial.curve for trial in study.trials)
    return [picture for picture in PICTURES if curved or not picture.of_curves]


def figure(study: Study, picture: Picture) -> Html:
    """The picture under its title; where it cannot be drawn, why."""
    try:
        drawn = picture.draw(study)
        ax = drawn[0] if picture.name == "slices" else drawn
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
