"""Variants of the default strategy, each of which makes one choice otherwise: `VARIANTS`, by name."""

from __future__ import annotations

from variants.base import BUDGET, DEFAULT, Variant
from variants.table import VARIANTS

__all__ = ["BUDGET", "DEFAULT", "VARIANTS", "Variant"]
