"""Scenarios: named lists of levers, pulled on the same draws, so that what differs is the scenario alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ._paths import Paths
from ._pull import pull
from .errors import DrawsError
from .levers import Cap, Delay, Lever, Multiply, Replace, Shift

__all__ = ["Cap", "Delay", "Multiply", "Replace", "Scenario", "Shift"]


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A future under other assumptions: levers that are pulled, in their order, on the paths of a forecast.

    Parameters
    ----------
    name : str
        What tables call it.
    levers : sequence of Multiply, Shift, Cap, Replace or Delay
        What is different; none leaves the forecast as it is.
    assumptions : sequence of str
        Why, and where the figures come from: a sentence each.

    Raises
    ------
    DrawsError
        If the name is empty, or a lever is none.

    Examples
    --------
    >>> from poblar.forecast.scenarios import Scenario, Shift
    >>> opening = Scenario(
    ...     name="opening",
    ...     levers=[Shift(by=20_000, units="persons per year", on="migration", country="USA", ages="worker")],
    ...     assumptions=["20,000 more workers a year are admitted to the United States."],
    ... )
    >>> len(opening.levers)
    1
    """

    name: str
    levers: Sequence[Lever] = ()
    assumptions: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise DrawsError("expected a scenario with a name, found none; say what it is.")
        for lever in self.levers:
            if not isinstance(lever, Lever):
                raise DrawsError(
                    f"scenario {self.name!r}: expected levers Multiply, Shift, Cap, Replace or Delay, found {lever!r}."
                )
        if isinstance(self.assumptions, str):
            raise DrawsError(f"scenario {self.name!r}: expected a list of assumptions, found one text; put it in [ ].")
        # Frozen all the way down: a list that was given can be changed, a tuple cannot.
        object.__setattr__(self, "levers", tuple(self.levers))
        object.__setattr__(self, "assumptions", tuple(self.assumptions))

    def apply(self, paths: Paths) -> Paths:
        """The paths with all levers pulled; those given stay as they are."""
        for number, lever in enumerate(self.levers, start=1):
            try:
                paths = pull(lever, paths)
            except DrawsError as error:
                raise DrawsError(f"scenario {self.name!r}, lever {number}, {error}") from None
        return paths
