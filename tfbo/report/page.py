"""The page of a report, put together."""

from __future__ import annotations

import time

from tfbo.report import pictures, sections, table
from tfbo.report.assets import SCRIPT, STYLE
from tfbo.report.tags import Html, join, tag
from tfbo.study import Study

# Said to the browser too: nothing is loaded from anywhere.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def html(study: Study, *, location: str | None = None) -> str:
    """The study as one page of HTML that needs no other file and no network.

    Summary, best hyperparameters, what the surrogate expects next, the pictures of `tfbo.plots` (as PNG)
    and a table of all trials that can be sorted. What cannot be shown yet, as there are too few trials,
    is said in its place.

    Args:
        study: with any number of trials.
        location: what to call the place where it is stored; `study.location` if None.

    Returns:
        The page, to be written in UTF-8.

    Raises:
        ImportError: where matplotlib is not installed.

    Example:
        >>> import tfbo
        >>> from tfbo import report
        >>> study = tfbo.Study(tfbo.Space({"x": tfbo.Float(0.0, 1.0)}), seed=0, name="first")
        >>> page = report.html(study)
        >>> "<title>first" in page
        True
    """
    trials = study.trials
    text = "Click on a head to sort by it, again to turn the order."
    hint = tag("p", text) if trials else Html("")
    body = [
        tag("h1", study.name, id="title"),
        sections.summary(study, trials, study.location if location is None else location),
        sections.best(study),
        sections.expected(study, trials),
        *(pictures.figure(study, picture) for picture in pictures.wanted(study)),
        sections.failures(trials),
        tag("section", tag("h2", "Trials"), hint, table.trials(study, trials)),
        tag("footer", f"Written by tfbo at {table.moment(time.time())}."),
        tag("script", Html(SCRIPT)),
    ]
    head = (
        Html('<meta charset="utf-8">'),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'),
        Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        tag("title", f"{study.name} · tfbo"),
        tag("style", Html(STYLE)),
    )
    page = tag("html", tag("head", *head), tag("body", tag("main", join(body, "\n"))), lang="en")
    return f"<!DOCTYPE html>\n{page}\n"
