"""The rows among which candidates are drawn and a maximum is sought: columns, a box, a test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tfbo.columns import Columns, snap

# By so much codes may differ from a bound by rounding.
_ROUNDING = 1e-9


class Domain(NamedTuple):
    """Legal rows, all of them or those of a box that pass a test.

    As in `tfbo.columns`, the functions are written for NumPy and TensorFlow: `xp` says which.

    Example:
        >>> import numpy as np
        >>> from tfbo.columns import Column, Columns
        >>> from tfbo.optim.domain import Domain
        >>> box = Domain(Columns((Column(), Column(count=2))), np.array([[0.2, 0.4], [0.0, 0.5]]))
        >>> box.snap(np.array([[0.9, 0.1]]))
        array([[0.4 , 0.25]])
    """

    columns: Columns
    bounds: Any = None
    """Box `[d, 2]` of codes, of a trust region for example; None for the unit cube. Of a discrete column it
    holds the levels whose codes it holds, and inactive columns are anywhere."""
    legal: Callable[[Any, Any], Any] | None = None
    """Test of input constraints, from rows `[k, d]` and `xp` to bool `[k]`; None where there are none."""

    def clip(self, u: Any, xp: Any = np) -> Any:
        """Numbers `[..., d]` in the cube, moved into the box."""
        if self.bounds is None:
            return u
        return xp.minimum(xp.maximum(u, self.bounds[:, 0]), self.bounds[:, 1])

    def snap(self, u: Any, xp: Any = np) -> Any:
        """The rows `[..., d]` nearest to `u` of which the numbers are in the box."""
        return snap(self.columns, self.clip(u, xp), xp)

    def outside(self, rows: Any, xp: Any = np) -> Any:
        """Rows `[k, d]` that do not belong to it, bool `[k]`; None where all do."""
        bad = None
        if self.bounds is not None:
            low, high = self.bounds[:, 0] - _ROUNDING, self.bounds[:, 1] + _ROUNDING
            bad = xp.any((rows >= 0.0) & ((rows < low) | (rows > high)), axis=-1)
        if self.legal is not None:
            illegal = xp.logical_not(self.legal(rows, xp))
            bad = illegal if bad is None else bad | illegal
        return bad
