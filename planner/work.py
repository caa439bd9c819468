"""What the commands have done before they can answer: figures, fits, forecasts, projection."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import xarray as xr
from rich.console import Console

from ..data import reference
from ..forecast import Projection, project
from .fits import Fits, fit_models

__all__ = ["population", "queue", "rates"]


@dataclass(frozen=True, kw_only=True)
class People:
    """A projection and the rates it was made with.

    Parameters
    ----------
    people : Projection
        Draws of one country.
    rates : dict of str to xarray.DataArray
        ``tfr`` and ``e0``.
    """

    people: Projection
    rates: dict[str, xr.DataArray]


def rates(name: str, country: str, until: int, draws: int, seed: int, fresh: bool, cache: Path | None) -> xr.DataArray:
    """Draws of one country's rate.

    Parameters
    ----------
    name : str
        "fertility", "mortality" or "migration".
    country : str
        Among the bundled countries.
    until : int
        Last year.
    draws, seed : int
        Number of draws, and seed of fit and forecast.
    fresh : bool
        Fit anew.
    cache : Path or None
        Folder of the cache.

    Returns
    -------
    xarray.DataArray

    Raises
    ------
    DataError
        If the country is not bundled.

    Examples
    --------
    >>> rates("fertility", "FRA", 2050, 100, 1, False, None)
    Traceback (most recent call last):
    ...
    poblar.data.errors.DataError: ...
    """
    reference.region([country])  # refuses an unknown country before anything takes long
    fits = _fit((name,), country, seed, fresh, cache)
    return fits[name].forecast(until=until, draws=draws, seed=seed).sel(country=[country])


def population(country: str, until: int, draws: int, seed: int, fresh: bool, cache: Path | None) -> People:
    """Project one country.

    Parameters
    ----------
    country : str
        Among the bundled countries.
    until : int
        Last year.
    draws, seed : int
        Number of draws, and seed of fits and forecasts.
    fresh : bool
        Fit anew.
    cache : Path or None
        Folder of the cache.

    Returns
    -------
    People

    Raises
    ------
    DataError
        If the country is not bundled.

    Examples
    --------
    >>> population("FRA", 2050, 100, 1, False, None)
    Traceback (most recent call last):
    ...
    poblar.data.errors.DataError: ...
    """
    own = reference.region([country])
    names = ("fertility", "mortality", "migration")
    fits = _fit(names, country, seed, fresh, cache)
    tfr, e0, net = (fits[name].forecast(until=until, draws=draws, seed=seed) for name in names)
    return People(people=project(own, fertility=tfr, mortality=e0, migration=net), rates={"tfr": tfr, "e0": e0})


def queue(country: str, until: str, draws: int, seed: int, fresh: bool, cache: Path | None) -> xr.Dataset:
    """Draws of what drives one country's asylum queue.

    Parameters
    ----------
    country : str
        One with a ledger.
    until : str
        Last month, "2032-12".
    draws, seed : int
        Number of draws, and seed of fit and forecast.
    fresh : bool
        Fit anew.
    cache : Path or None
        Folder of the cache.

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    PlannerError
        If the country has no ledger.

    Examples
    --------
    >>> queue("GTM", "2032-12", 100, 1, False, None)
    Traceback (most recent call last):
    ...
    poblar.planner.errors.PlannerError: expected a country with an asylum ledger, found GTM; ...
    """
    fits = _fit(("backlog",), country, seed, fresh, cache)
    return fits["backlog"].forecast(until=until, draws=draws, seed=seed)


def _fit(names: tuple[str, ...], country: str, seed: int, fresh: bool, cache: Path | None) -> Fits:
    console = Console(stderr=True)
    with console.status("Looking for fitted models") as status:
        doing: dict[str, str] = {}

        def tell(name: str, state: str) -> None:
            doing[name] = state
            now = ", ".join(f"{name} {state}" for name, state in doing.items() if state.startswith("fitting"))
            status.update(f"Fits, kept for next time: {now}" if now else "Reading fitted models")

        return fit_models(reference.region(), names, ledger=country, seed=seed, fresh=fresh, cache=cache, progress=tell)
