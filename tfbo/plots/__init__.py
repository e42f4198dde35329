"""Pictures of a study, drawn with matplotlib (the extra `plot`).

Each function takes a study and returns the matplotlib Axes that it drew on: those given as `ax`, or
new ones in a figure of their own, which `axes.figure.savefig("picture.png")` writes. `convergence` takes
several, and returns a figure. No global state of matplotlib is touched. Times, values and parameters are
in the user's units, a parameter on a logarithmic scale has a logarithmic axis, and categories have the
names that the user gave them. Values that are far off all others lie on the edge of the frame, and the
picture says how many they are.
"""

from tfbo.plots._calibration import calibration
from tfbo.plots._contour import contour
from tfbo.plots._convergence import convergence
from tfbo.plots._history import history
from tfbo.plots._importance import importance
from tfbo.plots._parallel import parallel_coordinates
from tfbo.plots._slices import slices
from tfbo.plots._timeline import timeline

__all__ = [
    "calibration",
    "contour",
    "convergence",
    "history",
    "importance",
    "parallel_coordinates",
    "slices",
    "timeline",
]
