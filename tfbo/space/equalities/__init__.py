"""Equalities: constraints that are solved for one parameter each, which follows from the others."""

from __future__ import annotations

from tfbo.space.equalities.equalities import Equalities, equalities, expressions, unit

__all__ = ["Equalities", "equalities", "expressions", "unit"]
