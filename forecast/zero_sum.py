"""World zero-sum: what leaves all countries arrives in some."""

from __future__ import annotations

import xarray as xr

from .errors import DrawsError

__all__ = ["zero_sum"]


def zero_sum(net: xr.DataArray) -> xr.DataArray:
    r"""Net migrants of all countries, moved as little as their uncertainty asks so that each draw sums to zero.

    .. math:: x_{d,c} = y_{d,c} - \frac{\sigma_c^2}{\sum_k \sigma_k^2} \sum_k y_{d,k}

    which minimises :math:`\sum_c (x_{d,c} - y_{d,c})^2 / \sigma_c^2` with :math:`\sigma_c` the standard deviation of
    the country's draws. The surplus is borne by countries whose counts are uncertain by as many; a small country's
    bands stay as they were, where shares by population or in equal parts would burst them.

    Parameters
    ----------
    net : xarray.DataArray
        Persons per year, axes ``draw`` and ``country`` and any others (``year``, ``sex``, ``age``): each cell of these
        sums to zero. Of the whole world, since what one region gains others outside may lose.

    Returns
    -------
    xarray.DataArray
        As `net`.

    Raises
    ------
    DrawsError
        If an axis is missing, a figure is, units are not persons per year, or the draws of a cell are all one.

    Examples
    --------
    >>> units = {"units": "persons per year"}
    >>> net = xr.DataArray([[90.0, -40.0], [110.0, -20.0]], dims=("draw", "country"), attrs=units)
    >>> zero_sum(net).values.tolist()
    [[65.0, -65.0], [65.0, -65.0]]
    """
    if not {"draw", "country"} <= set(net.dims):
        raise DrawsError(f"expected net migrants over draw and country, found axes {tuple(net.dims)}.")
    if net.attrs.get("units") != "persons per year":
        raise DrawsError(
            f"expected net migrants in 'persons per year', found {net.attrs.get('units')!r}; rates do not sum: "
            "multiply by the population first."
        )
    if bool(net.isnull().any()):
        raise DrawsError("expected net migrants of every country and draw, found missing ones; leave the country out.")
    variance = net.var("draw")
    total = variance.sum("country")
    surplus = net.sum("country")
    if bool(((total == 0) & (surplus != 0).any("draw")).any()):
        raise DrawsError(
            "expected draws that differ, found a surplus that no country's uncertainty can bear; give draws, not a "
            "median."
        )
    balanced = net - variance / total.where(total > 0, 1.0) * surplus
    return balanced.transpose(*net.dims).assign_attrs(net.attrs).rename(net.name)
