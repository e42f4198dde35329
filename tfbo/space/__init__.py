"""The search space: parameters, their conditions, and their coding into the unit cube.

No TensorFlow here. Shapes: n configurations, d columns.
"""

from __future__ import annotations

from tfbo._aliases import explained
from tfbo.space.choices import Boolean, Categorical, Constant, Ordinal
from tfbo.space.conditions import Params
from tfbo.space.constraints import Constraint, Predicate
from tfbo.space.encoding import Encoding, encoding
from tfbo.space.expressions import Expression
from tfbo.space.numbers import Float, Int
from tfbo.space.parameters import Parameter
from tfbo.space.space import Space

__all__ = [
    "Boolean",
    "Categorical",
    "Constant",
    "Constraint",
    "Encoding",
    "Expression",
    "Float",
    "Int",
    "Ordinal",
    "Parameter",
    "Params",
    "Predicate",
    "Space",
    "encoding",
]

for _kind in (Boolean, Categorical, Constant, Float, Int, Ordinal, Space):
    explained(_kind)
