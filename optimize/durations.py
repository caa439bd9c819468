"""Durations and months as planners write them."""

from __future__ import annotations

import re

import numpy as np

from .errors import GoalError

__all__ = ["month", "months_in"]


def months_in(text: str) -> int:
    """Whole months in "6 months", "1 year" or "2 years".

    Parameters
    ----------
    text : str
        A whole number and its unit.

    Returns
    -------
    int

    Raises
    ------
    GoalError
        If the text is not of that form.

    Examples
    --------
    >>> months_in("6 months"), months_in("2 years")
    (6, 24)
    """
    match = re.fullmatch(r"(\d+) (month|year)s?", text.strip()) if isinstance(text, str) else None
    if match is None:
        raise GoalError(f"expected a duration like '6 months' or '2 years', found {text!r}.")
    return int(match[1]) * (12 if match[2] == "year" else 1)


def month(text: str) -> np.datetime64:
    """The month written "2028-01".

    Parameters
    ----------
    text : str
        Year and month.

    Returns
    -------
    numpy.datetime64
        To the month.

    Raises
    ------
    GoalError
        If the text is not of that form.

    Examples
    --------
    >>> month("2028-01")
    np.datetime64('2028-01')
    """
    if not isinstance(text, str) or re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", text) is None:
        raise GoalError(f"expected a month like '2028-01', found {text!r}.")
    return np.datetime64(text, "M")
