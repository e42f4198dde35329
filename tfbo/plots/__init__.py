"""Pictures of a study, drawn with matplotlib (the extra `plot`).

Each function takes a study and returns the matplotlib Axes that it drew on: those given as `ax`, or
new ones in a figure of their own, which `axes.figure.savefig("picture.png")` writes. `convergence` takes
several, and returns a figure. No global state of matplotlib is touched. Times, values and parameters are
in the user's units, a parameter on a logarithmic scale has a logarithmic axis, and categories have the
names that the user gave them. Values that are far off all others lie on the edge of the frame, and the
picture says how many they are.

Of a study with several objectives, pictures of a value take the name of the one to draw, as `objective`;
`pareto` and `hypervolume` are of all of them. Trials that break constraints on outcomes are diamonds.
"""

from tfbo.plots.pictures.budget import budget
from tfbo.plots.pictures.calibration import calibration
from tfbo.plots.pictures.contour import contour
from tfbo.plots.pictures.convergence import convergence
from tfbo.plots.pictures.curves import curves
from tfbo.plots.pictures.history import history
from tfbo.plots.pictures.hypervolume import hypervolume
from tfbo.plots.pictures.importance import importance
from tfbo.plots.pictures.parallel import parallel_coordinates
from tfbo.plots.pictures.pareto import pareto
from tfbo.plots.pictures.slices import slices
from tfbo.plots.pictures.timeline import timeline

__all__ = [
    "budget",
    "calibration",
    "contour",
    "convergence",
    "curves",
    "history",
    "hypervolume",
    "importance",
    "parallel_coordinates",
    "pareto",
    "slices",
    "timeline",
]
