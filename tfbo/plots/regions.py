"""Regions of a picture that cannot be run, and those that are likely to be infeasible."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tfbo.plots import style, ticks
from tfbo.plots.scales import Scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LIKELY = 0.5
"""Probability of being feasible below which a configuration is said to be probably infeasible."""


class Look(NamedTuple):
    """Look of a region, and its text in the legend."""

    label: str
    face: str
    edge: str
    hatch: str
    alpha: float


NOT_ACTIVE = Look("not active together", "#d9d9d9", "none", "", 1.0)
NOT_ALLOWED = Look("breaks a constraint of the space", "#f2f2f2", "#b5b5b5", "xxxx", 1.0)
INFEASIBLE = Look("probably infeasible", style.BROKEN, "none", "", 0.13)
BESIDE = Look("probably infeasible", "none", "#3a3a3a", "...", 0.55)
"""The same, over colours that say something else."""


def borders(scale: Scale, positions: np.ndarray) -> np.ndarray:
    """Borders `[g + 1]` of the cells around positions `[g]`, half-way as the axis shows it."""
    if scale.discrete or len(positions) < 2:
        return np.append(positions - 0.5, positions[-1] + 0.5)
    return ticks.between(positions, log=scale.log)


def along(ax: Axes, scale: Scale, positions: np.ndarray, mask: np.ndarray, look: Look) -> None:
    """Fill the height of the Axes around the positions `[g]`, ascending, at which a mask `[g]` is true."""
    edges = borders(scale, positions)
    label: str | None = look.label
    for first, end in _runs(mask):
        ax.axvspan(
            edges[first], edges[end], facecolor=look.face, edgecolor=look.edge, hatch=look.hatch,
            alpha=look.alpha, lw=0.0, zorder=0.5, label=label,
        )  # fmt: skip
        label = None


def over(ax: Axes, edges: tuple[np.ndarray, np.ndarray], mask: np.ndarray, look: Look) -> None:
    """Fill the cells `[b, a]` between edges `[a + 1]` across and `[b + 1]` up at which a mask is true."""
    if not mask.any():
        return
    from matplotlib.collections import PolyCollection

    across, up = edges
    cells = [
        [(across[j], up[i]), (across[k], up[i]), (across[k], up[i + 1]), (across[j], up[i + 1])]
        for i, row in enumerate(mask)
        for j, k in _runs(row)
    ]
    drawn = PolyCollection(
        cells, facecolors=look.face, edgecolors=look.edge, hatch=look.hatch, alpha=look.alpha,
        linewidths=0.0, zorder=0.5, label=look.label,
    )  # fmt: skip
    ax.add_collection(drawn, autolim=False)


def _runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """Begin and end, which is no longer in it, of each run of a mask."""
    steps = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(int)))
    return [(int(a), int(b)) for a, b in steps.reshape(-1, 2)]


def unlikely(feasibility: Any) -> np.ndarray:
    """Mask of probabilities, of which NaN stand for what cannot be run, that say probably infeasible."""
    return np.asarray(np.nan_to_num(np.asarray(feasibility, float), nan=1.0) < LIKELY)
