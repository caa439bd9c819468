"""Returns to a country and the minors who come along, from a few periods of some years."""

from __future__ import annotations

from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..data import Panel
from ._spread import uncertain_spread
from .errors import DrawsError

__all__ = ["forecast_returns"]

Array = NDArray[np.float64]

_FURTHEST: Final = 100  # years ahead


def forecast_returns(
    panel: Panel, *, until: int, spread: float = 0.5, at_most: float = 3.0, draws: int = 2000, seed: int
) -> xr.Dataset:
    r"""Draws of those who return in each period to come, and of the minors born abroad who come with them.

    .. math::

        \log r_{t+1} = \log r_t + \sigma_r \varepsilon_t, \qquad
        \log (m / r)_{t+1} = \log (m / r)_t + \sigma_m \eta_t

    with :math:`\varepsilon_t, \eta_t` standard normal: both wander without a trend. Three figures fix a level and
    little else, so how far they wander is uncertain: half-normal with `spread`, updated with the changes that were
    seen. No period has more than `at_most` times the largest that was counted.

    Parameters
    ----------
    panel : Panel
        ``returned`` and perhaps ``minors`` (persons in the period) over year, two periods or more, from
        `poblar.data.returns.read_returns` or `poblar.data.reference.returns`.
    until : int
        Year up to which to forecast, after the end of the last period: the last period to come is the one it ends or
        falls into.
    spread : float
        Of the half-normal prior of both standard deviations, log points in a period.
    at_most : float
        Bound of each count, in times the largest of the panel.
    draws : int
        Number of draws.
    seed : int
        Seed of the draws.

    Returns
    -------
    xarray.Dataset
        ``returned`` and ``minors``, persons in the period, over draw and year; a period stands at its first year.

    Raises
    ------
    DrawsError
        If there are less than two periods, `until` is not after their end or too far, or an option is out of range.

    Notes
    -----
    Deportations are events, not persons who stay: a person may be deported twice, and may leave again before a census
    counts. Returns are not made from them here.

    Examples
    --------
    >>> from poblar.data import reference
    >>> ahead = forecast_returns(reference.returns(), until=2030, draws=4000, seed=1)
    >>> ahead["returned"].median("draw").round(-4).to_series().to_dict()  # 294,000 returned in 2015-20
    {2020: 290000.0, 2025: 290000.0}
    """
    step, years = int(panel.dataset.attrs.get("year_step", 1)), panel["year"].to_numpy()
    if panel["returned"].dims != ("year",) or len(years) < 2:
        raise DrawsError(
            f"expected returns of two periods or more, found {panel!r}; add a period, or select one country."
        )
    end = int(years[-1]) + step
    if not end < until <= end + _FURTHEST:
        raise DrawsError(f"expected until= a year from {end + 1} to {end + _FURTHEST}, found {until}; change it.")
    if not (0.0 < spread <= 2.0 and at_most >= 1.0 and draws >= 1):
        raise DrawsError(
            f"expected a spread above 0 and up to 2, at_most of 1 or more and a draw or more, found {spread:g}, "
            f"{at_most:g} and {draws}; change them."
        )
    ahead, rng = np.arange(end, until, step), np.random.default_rng(seed)

    def wander(past: Array) -> Array:
        changes = np.diff(np.log(past))
        scale = uncertain_spread(float((changes**2).sum()), len(changes), draws, rng, scale=spread)
        steps = scale[:, None] * rng.standard_normal((draws, len(ahead)))
        return past[-1] * np.exp(np.cumsum(steps, axis=1))

    past = {name: panel[name].to_numpy().astype(float) for name in panel.names}
    found = {"returned": np.minimum(wander(past["returned"]), at_most * past["returned"].max())}
    if "minors" in past:
        minors = found["returned"] * wander(past["minors"] / past["returned"])
        found["minors"] = np.minimum(minors, at_most * past["minors"].max())
    units = {"units": f"persons in {step} years"}
    return xr.Dataset(
        {name: (("draw", "year"), values, units) for name, values in found.items()},
        coords={"draw": np.arange(draws), "year": ahead},
        attrs={"model": "returns", "year_step": step, "seed": seed},
    )
