"""Experts' variants of a forecast: medians moved to another path, and replacement fertility.

A path that is held constant, or put in another's place, is a lever of a scenario (`poblar.forecast.levers`):
``Replace`` by the last year observed or by replacement fertility, ``Delay`` to stop every draw where it stands,
``Multiply(by=0.0)`` for no migration.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ..data import Region
from ._inputs import birth_shares, female_share, survival_by_e0
from .errors import DrawsError
from .fertility import Fertility
from .mortality import Mortality

__all__ = ["replacement_fertility", "shift_median"]

Array = NDArray[np.float64]

LIMITS = {"children per woman": Fertility().bounds, "years": Mortality().bounds}
SQUEEZE = 0.5  # slope near a limit, as a part of that of the straight line from the limit to the median


def shift_median(
    draws: xr.DataArray, target: xr.DataArray | pd.Series, *, limits: tuple[float, float] | None = None
) -> xr.DataArray:
    r"""Move the median of the draws to a given path and keep their spread and order.

    .. math:: y'_{d,t} = \max\{y_{d,t} + \Delta_t,\; l + c_t (y_{d,t} - l)\}, \qquad
        c_t = \tfrac12 \frac{m_t + \Delta_t - l}{m_t - l} \quad (\Delta_t < 0)

    with the median m and the lower limit l; a shift up has the upper limit likewise. Far from a limit this only adds
    :math:`\Delta_t`; near it the draws are squeezed, none crosses it and none changes places with another. In the years
    that the path names the shift is what takes the median there; between them it is linear, it grows from nothing in
    the year before the forecast, and after the last of them it stays.

    Parameters
    ----------
    draws : xarray.DataArray
        TFR (draw, country, year), e0 (draw, country, year, sex), or others with these axes.
    target : xarray.DataArray or pandas.Series
        Medians wanted (year,), (country, year) or (country, year, sex), in the units of the draws; a Series has an
        index with these names. Some years are enough; NaN is a year that is not named. Countries that it leaves out
        stay as they are, and without ``country`` it is for all. The UN's published median is one such path.
    limits : (float, float), optional
        Limits of the draws. Without it those of `Fertility` or `Mortality` by the units, and none for other units.

    Returns
    -------
    xarray.DataArray
        As `draws`; ``attrs["adjusted"]`` says what was moved.

    Raises
    ------
    DrawsError
        If an axis, a label or the units do not fit, or the path is not inside the limits.

    Examples
    --------
    >>> import numpy as np, pandas as pd, xarray as xr
    >>> tfr = xr.DataArray(np.linspace(1.4, 2.2, 101)[:, None] * np.ones(4), dims=("draw", "year"), name="tfr",
    ...                    coords={"year": range(2025, 2029)}, attrs={"units": "children per woman"})
    >>> lower = shift_median(tfr, pd.Series([1.6], pd.Index([2026], name="year")))
    >>> lower.median("draw").to_numpy().round(2)
    array([1.7, 1.6, 1.6, 1.6])
    """
    if not {"draw", "year"} <= set(draws.dims):
        raise DrawsError(f"expected draws with axes draw and year, found {tuple(draws.dims)}; pass the draws.")
    wanted = _path(target, draws)
    median = draws.median("draw").transpose(..., "year")
    path = wanted.broadcast_like(median).reindex_like(median).transpose(*median.dims)
    low, high = LIMITS.get(str(draws.attrs.get("units")), (-np.inf, np.inf)) if limits is None else limits
    shift = path.copy(data=np.apply_along_axis(_between, -1, (path - median).to_numpy(), draws["year"].to_numpy()))
    centre = median + shift
    outside = ((centre <= low) | (centre >= high)) & (shift != 0.0)
    if bool(outside.any()):
        raise DrawsError(
            f"target: expected medians between {low:g} and {high:g} {draws.attrs.get('units', '')}, the limits of the "
            f"draws, in the years given and between them, found {centre.to_numpy()[outside.to_numpy()][0]:g}; correct "
            "the path, or give limits=."
        )
    moved = draws + shift
    if np.isfinite(low):
        slope = SQUEEZE * (centre - low) / (median - low).where(shift < 0.0, 1.0)
        moved = xr.where(shift < 0.0, np.maximum(moved, low + slope * (draws - low)), moved)
    if np.isfinite(high):
        slope = SQUEEZE * (high - centre) / (high - median).where(shift > 0.0, 1.0)
        moved = xr.where(shift > 0.0, np.minimum(moved, high - slope * (high - draws)), moved)
    given = wanted.dropna("year", how="all")["year"].to_numpy()
    who = f" of {', '.join(map(str, wanted['country'].to_numpy()))}" if "country" in wanted.dims else ""
    note = f"median{who} moved to a path given for {given[0]} to {given[-1]}"
    if "adjusted" in draws.attrs:
        note = f"{draws.attrs['adjusted']}; {note}"
    return moved.transpose(*draws.dims).rename(draws.name).assign_attrs(draws.attrs | {"adjusted": note})


def _path(target: xr.DataArray | pd.Series, draws: xr.DataArray) -> xr.DataArray:
    """A target with axes, labels and units of the draws."""
    if isinstance(target, pd.Series):
        if None in target.index.names or not target.index.is_unique:
            raise DrawsError(
                f"target: expected an index with names (year, or country and year), each label once, found names "
                f"{list(target.index.names)}; name it with target.rename_axis(…)."
            )
        target = target.astype(float).to_xarray()
    target = target.drop_vars([name for name in target.coords if name not in target.dims])
    needed = set(draws.dims) - {"draw", "country"}
    if not needed <= set(target.dims) <= set(draws.dims) - {"draw"}:
        raise DrawsError(
            f"target: expected axes {sorted(map(str, needed))}, and country or not, found {tuple(target.dims)}; give a "
            "median for each."
        )
    units, own = target.attrs.get("units"), draws.attrs.get("units")
    if units not in (None, own):
        raise DrawsError(f"target: expected units {own!r}, those of the draws, found {units!r}; convert.")
    for axis in target.dims:
        known = draws.get_index(axis)
        unknown = [label for label in target.get_index(axis) if label not in known]
        if unknown or not target.get_index(axis).is_unique:
            raise DrawsError(
                f"target: expected {axis} among {known[0]} to {known[-1]}, each once, found "
                f"{', '.join(map(str, unknown[:6])) or 'one twice'}; select what the draws have."
            )
    if not bool(np.isfinite(target).any()):
        raise DrawsError("target: expected a median for some year, found none; give one.")
    return target


def _between(shift: Array, years: NDArray[np.int64]) -> Array:
    """A shift known in some years, in all of them: from nothing in the year before the first."""
    given = np.isfinite(shift)
    return np.interp(years, np.r_[years[0] - 1, years[given]], np.r_[0.0, shift[given]])


def replacement_fertility(region: Region, mortality: xr.DataArray) -> xr.DataArray:
    r"""TFR at which women have one daughter each who lives to bear hers: a net reproduction rate of one.

    .. math:: f_t = \frac{1 + b_t}{\sum_x a_{x,t}\, L^f_x(e^f_t)}

    with b boys a girl at birth, the age pattern of fertility a that `project` uses (summing to one), and person-years L
    of women of exact age x to x + 1 for a birth. ``Replace(by=replacement_fertility(region, e0), on="fertility")``
    makes the UN's variant of instant replacement.

    Parameters
    ----------
    region : Region
        Age patterns of fertility and mortality, and sex ratios at birth.
    mortality : xarray.DataArray
        Life expectancy at birth (country, year, sex), with ``draw`` or without, years.

    Returns
    -------
    xarray.DataArray
        Children per woman, `mortality` without ``sex``.

    Raises
    ------
    DrawsError
        If `mortality` is not life expectancy by sex.

    Examples
    --------
    >>> from poblar.data import reference
    >>> mexico = reference.region(("MEX",))
    >>> float(replacement_fertility(mexico, mexico.e0["e0"].sel(year=[2023])).round(2).item())
    2.08
    """
    if not {"country", "year", "sex"} <= set(mortality.dims) or mortality.attrs.get("units") != "years":
        raise DrawsError(
            f"mortality: expected life expectancy (country, year, sex) in years, found {tuple(mortality.dims)} in "
            f"{mortality.attrs.get('units')!r}; give the draws of Mortality."
        )
    years = mortality["year"].to_numpy()
    women, levels = mortality.sel(sex="female", drop=True), []
    for country in mortality["country"].to_numpy():
        table = survival_by_e0(region, country)
        lived = np.cumprod(table.survival[0, :, :-2], axis=-1)  # L by completed age 0 … 99, for one birth
        shares = birth_shares(region, country, years)[:, :-1] * female_share(region, country, years)[:, None]
        own = women.sel(country=country).transpose(..., "year")
        daughters = [np.interp(own[..., at], table.e0, lived @ share) for at, share in enumerate(shares)]
        levels.append(own.copy(data=1.0 / np.stack(daughters, axis=-1)))
    level = xr.concat(levels, dim="country", coords="different", compat="equals")
    return level.transpose(*women.dims).rename("tfr").assign_attrs(units="children per woman")
