"""The region that the constraints of a space leave: legal rows, drawn, spread evenly, and repaired.

No TensorFlow here, but what takes `xp` works on its tensors, too. A point is a row of the unit cube before
`snap`: what it holds in columns that are inactive, or follow from equalities, does not matter. Shapes: k or
n rows, d columns, c margins.
"""

from __future__ import annotations

from tfbo.space.region.region import Region, region

__all__ = ["Region", "region"]
