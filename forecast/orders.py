"""How a queue of cases is worked, and what acts on it: orders of work, removals, arrivals that answer to the wait."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import xarray as xr

from .errors import DrawsError

__all__ = ["ORDERS", "Priority", "Removal", "WaitResponse"]

ORDERS: Final = ("first in, first out", "last in, first out", "random")
"""Orders of work of one class of cases; in random order all who wait are alike, whenever they came."""


@dataclass(frozen=True, kw_only=True)
class Priority:
    """Classes of cases, of which the first is worked before the second: "children before all others".

    Parameters
    ----------
    classes : sequence of str
        Coordinate of the axis ``class`` of the queue, in order of precedence.
    within : str or mapping of str to str
        One of `ORDERS` for all classes, or for each.
    reserved : mapping of str to float
        Share of each month's capacity that a class gets before all precedence; what it has no cases for goes to the
        others.

    Raises
    ------
    DrawsError
        If a class has no name or another's, an order is unknown, or shares are not from 0 to 1 in all.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from poblar.forecast import simulate_queue
    >>> months = np.arange("2027-01", "2027-04", dtype="datetime64[M]").astype("datetime64[s]")
    >>> flow = xr.DataArray(np.ones((1, 1, 3)), dims=("draw", "country", "month"))
    >>> groups = xr.DataArray([0.25, 0.75], coords={"class": ["children", "others"]})
    >>> queue = xr.Dataset({"arrivals": 20 * flow * groups, "productivity": flow, "withdrawal": 0 * flow,
    ...     "backlog": groups * xr.DataArray([40.0], dims="country")}, coords={"country": ["MEX"], "month": months})
    >>> order = Priority(classes=["children", "others"], within={"children": "first in, first out", "others": "random"})
    >>> run = simulate_queue(queue, officers=18, order=order)
    >>> run["decided"].sel({"class": "children"}).squeeze().to_numpy()
    array([15.,  5.,  5.])
    """

    classes: Sequence[str]
    within: str | Mapping[str, str] = ORDERS[0]
    reserved: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        classes = tuple(self.classes)
        if isinstance(self.classes, str) or not classes or len(set(classes)) < len(classes) or "" in classes:
            raise DrawsError(f"expected classes with a name each, in order of precedence, found {self.classes!r}.")
        if not isinstance(self.within, str) and set(self.within) != set(classes):
            raise DrawsError(f"expected within= an order for each of {classes}, found {sorted(self.within)}.")
        object.__setattr__(self, "classes", classes)
        for order in self.orders:
            check_order(order)
        if unknown := set(self.reserved) - set(classes):
            raise DrawsError(f"expected reserved= shares of {classes}, found {sorted(unknown)}.")
        shares = np.array(list(self.reserved.values()), dtype=float)
        if not ((shares >= 0) & (shares <= 1)).all() or shares.sum() > 1 + 1e-9:
            raise DrawsError(f"expected reserved= shares from 0 to 1, 1 in all, found {dict(self.reserved)}.")

    @property
    def orders(self) -> tuple[str, ...]:
        """Order of work of each class."""
        return tuple(self.within if isinstance(self.within, str) else self.within[name] for name in self.classes)


@dataclass(frozen=True, kw_only=True)
class Removal:
    """Cases that leave the queue in a month without a decision: "in July 2028 a third of those who wait are protected".

    They are taken from those waiting at the month's start who have not withdrawn; never more than there are.

    Parameters
    ----------
    month : str
        When, "2028-07".
    share : float or xarray.DataArray
        Share of those waiting, 0 to 1; an array along ``draw`` or ``country`` where it differs.
    number : float or xarray.DataArray
        Cases, besides the share.
    oldest_first : bool
        Whether those who have waited longest are taken, or as many of every age.
    of : sequence of str, optional
        The classes it is for; all without it.

    Raises
    ------
    DrawsError
        If a share is not from 0 to 1, or a number is negative or not finite.

    Examples
    --------
    >>> Removal(month="2028-07", share=1 / 3).oldest_first
    False
    """

    month: str
    share: float | xr.DataArray = 0.0
    number: float | xr.DataArray = 0.0
    oldest_first: bool = False
    of: Sequence[str] | None = None

    def __post_init__(self) -> None:
        for name, most in (("share", 1.0), ("number", np.finfo(float).max)):
            values = np.asarray(getattr(self, name), dtype=float)
            if (wrong := values[~((values >= 0) & (values <= most))]).size:
                limits = "from 0 to 1" if name == "share" else "of zero or more"
                raise DrawsError(f"removal of {self.month}: expected {name}= {limits}, found {wrong[0]:g}.")


@dataclass(frozen=True, kw_only=True)
class WaitResponse:
    r"""Arrivals that answer to the wait.

    .. math::
        A'_t = A_t \left(W_{t-1} / W_0\right)^{-\epsilon}, \qquad W_t = N_t / C_t

    W are the months of work that wait at the start of a month, cases pending N over capacity C. By Little's law that is
    the mean wait in every order of work, of a queue that goes on as it is; what a case can expect under each order
    is not the same. Months 0 and 1 are as they were, and so is everything with an elasticity of zero.

    Parameters
    ----------
    elasticity : float or xarray.DataArray
        :math:`\epsilon`, positive where waits deter; along ``draw`` (or ``country``) where it is uncertain.
    waits : tuple of float
        Shortest and longest W, months; a closed office has the longest.
    factors : tuple of float
        Least and most that arrivals are multiplied by.

    Raises
    ------
    DrawsError
        If an elasticity is not finite, waits are not rising from above zero, or one is not within the factors.

    References
    ----------
    Little, J. D. C. (1961). A proof for the queuing formula L = λW. Operations Research 9(3), 383-387.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> prior = np.random.default_rng(1).normal(0.0, 0.2, 1000)
    >>> WaitResponse(elasticity=xr.DataArray(prior, dims="draw")).factors
    (0.5, 2.0)
    """

    elasticity: float | xr.DataArray
    waits: tuple[float, float] = (1.0, 120.0)
    factors: tuple[float, float] = (0.5, 2.0)

    def __post_init__(self) -> None:
        if not np.isfinite(np.asarray(self.elasticity, dtype=float)).all():
            raise DrawsError(f"expected a finite elasticity, found {self.elasticity}.")
        if not 0 < self.waits[0] < self.waits[1] < np.inf:
            raise DrawsError(
                f"expected waits=(shortest, longest) in months, above zero and finite, found {self.waits}."
            )
        if not 0 <= self.factors[0] <= 1 <= self.factors[1] < np.inf:
            raise DrawsError(f"expected factors=(least, most) with one between them, found {self.factors}.")


def check_order(order: object) -> str:
    """The order, if it is one of `ORDERS`."""
    if order not in ORDERS:
        raise DrawsError(f"expected one of the orders {', '.join(map(repr, ORDERS))}, or a Priority, found {order!r}.")
    return str(order)
