"""A study as one page of HTML that needs nothing else: no network, no files beside it."""

from tfbo.report.page import html

__all__ = ["html"]
