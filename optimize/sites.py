"""Levers around offices: people invited, applicants sent elsewhere, offices that open, what may be spent in a year."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .errors import GoalError
from .words import month

__all__ = ["FiscalBudget", "Intake", "Opening", "Redirect"]


@dataclass(frozen=True, kw_only=True)
class Redirect:
    """A share of those who apply at one office is sent to another, decided quarter by quarter.

    Parameters
    ----------
    origin, destination : str
        Offices.
    at_most : float
        Most of the origin's applicants, as a share.
    waiting_at_most : float
        Most of those who wait there at the plan's start, as a share; they are sent at once.
    cost : float
        Cost of one case sent, in the currency of the officers; paid for as many as are expected.

    Raises
    ------
    GoalError
        If both are one office, no share is above 0, one is above 1, or the cost is negative.

    Examples
    --------
    >>> Redirect(origin="Tapachula", destination="Saltillo", at_most=0.3, cost=150.0).at_most
    0.3
    """

    origin: str
    destination: str
    at_most: float = 0.5
    waiting_at_most: float = 0.0
    cost: float = 0.0

    def __post_init__(self) -> None:
        if self.origin == self.destination:
            raise GoalError(f"redirect: expected two offices, found {self.origin!r} twice.")
        shares = self.at_most, self.waiting_at_most
        if not all(0.0 <= share <= 1.0 for share in shares) or max(shares) == 0.0 or not self.cost >= 0.0:
            raise GoalError(
                f"redirect from {self.origin} to {self.destination}: expected at_most= or waiting_at_most= a share "
                "above 0 to 1 and a cost of zero or more, found "
                f"{self.at_most}, {self.waiting_at_most} and {self.cost}."
            )


@dataclass(frozen=True, kw_only=True)
class Intake:
    """People invited to apply at an office, such as those resettled: a quota planned with the staff that decides it.

    They come evenly over each quarter, and are cases like all others. Places for those who wait are a `BacklogSize`.

    Parameters
    ----------
    office : str
        Where they apply.
    at_most : float
        Most people in a quarter.
    at_least : float
        Fewest people in a quarter, from `since` on.
    since : str, optional
        First month in which they can be invited; the plan's start without it.
    worth : float
        What one of them is worth, in the currency of the officers: as many are invited as cost less than that.

    Raises
    ------
    GoalError
        If the numbers are negative or not in order.

    Examples
    --------
    >>> Intake(office="Tapachula", at_most=900, at_least=300, worth=1_500.0).at_most
    900
    """

    office: str
    at_most: float
    at_least: float = 0.0
    since: str | None = None
    worth: float = 0.0

    def __post_init__(self) -> None:
        if self.since is not None:
            month(self.since)
        if not 0.0 <= self.at_least <= self.at_most or not self.worth >= 0.0:
            raise GoalError(
                f"intake of {self.office}: expected 0 <= at_least <= at_most and a worth of zero or more, found "
                f"{self.at_least}, {self.at_most} and {self.worth}."
            )


@dataclass(frozen=True, kw_only=True)
class Opening:
    """An office that may be opened on a date, or not at all: yes or no is decided.

    Parameters
    ----------
    office : str
        One of the queue's, to which applicants are sent by a `Redirect`.
    date : str
        First month in which somebody works there, "2028-01".
    cost : float
        Paid once, in that month, in the currency of the officers.
    rooms : float
        Most officers in post there.

    Raises
    ------
    GoalError
        If the cost is negative, or there is no room.

    Examples
    --------
    >>> Opening(office="Monterrey", date="2028-01", cost=900_000, rooms=40).rooms
    40
    """

    office: str
    date: str
    cost: float
    rooms: float

    def __post_init__(self) -> None:
        month(self.date)
        if not self.cost >= 0.0 or not self.rooms >= 1.0:
            raise GoalError(
                f"opening of {self.office}: expected a cost of zero or more and rooms of one or more, found "
                f"{self.cost} and {self.rooms}."
            )


@dataclass(frozen=True, kw_only=True)
class FiscalBudget:
    """What may be spent in each fiscal year, and how much of what is left may be spent in the next.

    Parameters
    ----------
    at_most : float or mapping of int to float
        In the currency of the officers: for each fiscal year, or by fiscal year; years left out have no limit.
    first_month : int
        Month in which a fiscal year begins, 1 to 12. It is named for the calendar year in which it ends: with 10,
        October 2027 is in fiscal year 2028.
    carry_over : float
        Share of a year's budget that may be carried over into the next, 0 to 1.

    Raises
    ------
    GoalError
        If an amount is negative, or the month or the share is none.

    Examples
    --------
    >>> FiscalBudget(at_most={2027: 3_000_000, 2028: 4_000_000}, carry_over=0.05).year_of(2027, 11)
    2027
    """

    at_most: float | Mapping[int, float]
    first_month: int = 1
    carry_over: float = 0.0

    def __post_init__(self) -> None:
        amounts = list(self.at_most.values()) if isinstance(self.at_most, Mapping) else [self.at_most]
        if not amounts or not min(amounts) >= 0.0:
            raise GoalError(f"budget: expected amounts of zero or more, found {self.at_most}.")
        if self.first_month not in range(1, 13) or not 0.0 <= self.carry_over <= 1.0:
            raise GoalError(
                f"budget: expected first_month= 1 to 12 and carry_over= a share from 0 to 1, found {self.first_month} "
                f"and {self.carry_over}."
            )

    def year_of(self, year: int, month: int) -> int:
        """The fiscal year of a calendar month."""
        return year + int(self.first_month > 1 and month >= self.first_month)

    def amount(self, year: int) -> float | None:
        """What may be spent in a fiscal year; None where there is no limit."""
        return self.at_most.get(year) if isinstance(self.at_most, Mapping) else self.at_most
