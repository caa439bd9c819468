"""Durations, months, years and shares as planners write them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .errors import GoalError

__all__ = ["month", "months_in", "most_often", "percent", "span"]


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


def most_often(labels: NDArray[np.generic]) -> str:
    """The three most frequent labels, with the share of each.

    Parameters
    ----------
    labels : array, shape (n,)
        Years, months or names.

    Returns
    -------
    str

    Examples
    --------
    >>> most_often(np.array([2035, 2035, 2035, 2040]))
    '2035 (75 %), 2040 (25 %)'
    """
    label, count = np.unique(labels, return_counts=True)
    first = np.argsort(-count, kind="stable")[:3]
    return ", ".join(f"{label[position]} ({percent(float(count[position]) / len(labels))})" for position in first)


def percent(share: float, digits: int = 0) -> str:
    """A share in percent.

    Parameters
    ----------
    share : float
        One is 100 %.
    digits : int
        Decimals.

    Returns
    -------
    str

    Examples
    --------
    >>> percent(0.905, 1), percent(0.1)
    ('90.5 %', '10 %')
    """
    return f"{100.0 * share:.{digits}f} %"


def span(years: Sequence[int]) -> str:
    """Years in a row.

    Parameters
    ----------
    years : sequence of int
        In order.

    Returns
    -------
    str

    Examples
    --------
    >>> span(range(2035, 2051)), span([2050])
    ('2035-2050', '2050')
    """
    return f"{years[0]}-{years[-1]}" if len(years) > 1 else f"{years[0]}"
