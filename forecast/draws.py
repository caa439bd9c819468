"""Draws out, summaries at the edge: bands, thinning, splitting, saving and loading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from .errors import DrawsError

__all__ = ["LEVELS", "bands", "load_draws", "probability", "quantiles", "save_draws", "split_draws", "thin"]

LEVELS = (50, 80, 95)
"""Central intervals that every band shows, percent: those of the UN."""


def quantiles(draws: xr.DataArray, levels: Sequence[int] = LEVELS) -> xr.DataArray:
    """Median and central intervals as an array.

    Parameters
    ----------
    draws : xarray.DataArray
        Any array with axis ``draw``.
    levels : sequence of int
        Central intervals, percent.

    Returns
    -------
    xarray.DataArray
        ``draw`` replaced by ``band``: "median", "lower50", "upper50" …

    Raises
    ------
    DrawsError
        If there is no axis ``draw``, a value is not finite, or a level is not between 0 and 100.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> draws = xr.DataArray(np.arange(101.0), dims="draw")
    >>> quantiles(draws, levels=[80]).to_numpy()
    array([50., 10., 90.])
    """
    if "draw" not in draws.dims:
        raise DrawsError(f"expected an axis 'draw', found {tuple(draws.dims)}; pass the draws, not a summary.")
    if not all(0 < level < 100 for level in levels):
        raise DrawsError(f"expected levels between 0 and 100 percent, found {list(levels)}.")
    if not bool(np.isfinite(draws).all()):
        raise DrawsError("expected finite draws, found NaN or infinity; mend the draws before summarising them.")
    at: dict[str, float] = {"median": 0.5}
    for level in levels:
        at |= {f"lower{level}": 0.5 - level / 200, f"upper{level}": 0.5 + level / 200}
    result = draws.quantile(list(at.values()), dim="draw", keep_attrs=True).rename(quantile="band")
    return result.assign_coords(band=list(at)).transpose(..., "band")


def bands(draws: xr.DataArray, levels: Sequence[int] = LEVELS) -> pd.DataFrame:
    """Median and central 50, 80 and 95 % intervals as a tidy table.

    Parameters
    ----------
    draws : xarray.DataArray
        Any array with axis ``draw``.
    levels : sequence of int
        Central intervals, percent.

    Returns
    -------
    pandas.DataFrame
        A row for each cell of the other axes: their labels, ``units``, ``median``, ``lower50``, ``upper50`` …

    Raises
    ------
    DrawsError
        As `quantiles`.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> draws = xr.DataArray(np.arange(202.0).reshape(101, 2), dims=("draw", "year"),
    ...                      coords={"year": [2030, 2031]}, attrs={"units": "persons"})
    >>> bands(draws)[["year", "median", "lower95", "upper95"]].to_numpy().round().tolist()
    [[2030.0, 100.0, 5.0, 195.0], [2031.0, 101.0, 6.0, 196.0]]
    """
    summary = quantiles(draws, levels)
    axes = [str(dim) for dim in summary.dims if dim != "band"]
    table = summary.drop_vars([name for name in summary.coords if name not in summary.dims]).to_dataset("band")
    frame = table.to_dataframe(dim_order=axes).reset_index() if axes else table.expand_dims("x").to_dataframe()
    frame.insert(len(axes), "units", draws.attrs.get("units", ""))
    return frame[[*axes, "units", *summary["band"].to_numpy().tolist()]]


def probability(event: xr.DataArray) -> xr.DataArray:
    """Share of draws in which an event holds.

    Parameters
    ----------
    event : xarray.DataArray of bool
        With axis ``draw``.

    Returns
    -------
    xarray.DataArray
        Between 0 and 1, without ``draw``.

    Examples
    --------
    >>> import xarray as xr
    >>> float(probability(xr.DataArray([True, False, True, True], dims="draw")))
    0.75
    """
    return event.mean("draw").assign_attrs(units="probability")


def thin(draws: xr.DataArray, to: int) -> xr.DataArray:
    """Keep `to` evenly spaced draws, with their labels.

    Parameters
    ----------
    draws : xarray.DataArray
        With axis ``draw``.
    to : int
        Number of draws to keep.

    Returns
    -------
    xarray.DataArray

    Raises
    ------
    DrawsError
        If there are fewer draws than asked for.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> thin(xr.DataArray(np.arange(10), dims="draw"), to=5).to_numpy()
    array([0, 2, 4, 6, 8])
    """
    have = draws.sizes["draw"]
    if not 1 <= to <= have:
        raise DrawsError(f"expected between 1 and {have} draws, found to={to}; forecast with more draws.")
    return draws.isel(draw=np.arange(to) * have // to)


def split_draws(count: int, shares: Mapping[str, float]) -> dict[str, slice]:
    """Cut draws 0 … count-1 into disjoint runs, in proportion to `shares`.

    Parameters
    ----------
    count : int
        Number of draws.
    shares : mapping of str to float
        Names and proportions of the sets.

    Returns
    -------
    dict of slice

    Raises
    ------
    DrawsError
        If a set would be empty.

    Examples
    --------
    >>> split_draws(1000, {"solve": 0.5, "certify": 0.5})
    {'solve': slice(0, 500, None), 'certify': slice(500, 1000, None)}
    """
    weights = np.array(list(shares.values()))
    edges = np.r_[0, np.round(np.cumsum(weights) / weights.sum() * count).astype(int)].tolist()
    if min(np.diff(edges)) < 1:
        raise DrawsError(f"expected enough draws for {len(shares)} sets, found {count}; forecast with more draws.")
    return {name: slice(low, high) for name, low, high in zip(shares, edges[:-1], edges[1:], strict=True)}


def save_draws(draws: xr.DataArray, path: str | Path) -> Path:
    """Write draws to a NetCDF file.

    Parameters
    ----------
    draws : xarray.DataArray
        Named draws.
    path : str or Path
        File to write; its folder must exist.

    Returns
    -------
    Path

    Raises
    ------
    DrawsError
        If the draws have no name.

    Examples
    --------
    >>> import tempfile, xarray as xr
    >>> draws = xr.DataArray([1.9, 2.0], dims="draw", name="tfr", attrs={"units": "children per woman"})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     load_draws(save_draws(draws, f"{folder}/tfr.nc")).equals(draws)
    True
    """
    if draws.name is None:
        raise DrawsError("expected draws with a name, found none; give one with draws.rename('tfr').")
    draws.to_netcdf(path, engine="h5netcdf")
    return Path(path)


def load_draws(path: str | Path) -> xr.DataArray:
    """Read draws that `save_draws` wrote.

    Parameters
    ----------
    path : str or Path
        File to read.

    Returns
    -------
    xarray.DataArray

    Examples
    --------
    >>> load_draws("nowhere.nc")
    Traceback (most recent call last):
    ...
    FileNotFoundError: ...
    """
    return xr.load_dataarray(path, engine="h5netcdf")
