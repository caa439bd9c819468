"""Margins of drawn flows, and flows adjusted so that each country's inflow less its outflow is a given net total."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from .errors import DrawsError

__all__ = ["margins", "match_net"]

Array = NDArray[np.float64]

ROUNDS = 200  # of Newton; 10 are usual
LARGEST_STEP = 1.0  # of a log factor in one round, so that the exponentials stay in hand
CLOSE = 1e-9  # of all flows together: how near the net totals must be


def margins(flows: xr.DataArray) -> xr.Dataset:
    r"""Inflow, outflow and net migration of each country.

    .. math:: I_c = \sum_o y_{oc}, \qquad E_c = \sum_d y_{cd}, \qquad N_c = I_c - E_c

    Parameters
    ----------
    flows : xarray.DataArray
        Axes ``origin`` and ``destination`` with the same countries, and any others, such as ``draw`` and ``year``.

    Returns
    -------
    xarray.Dataset
        ``inflow``, ``outflow`` and ``net_migration``, the other axes first and then ``country``; float64, in the
        units of the flows. The net totals add up to zero.

    Raises
    ------
    DrawsError
        If some corridors of the countries are not there.

    Examples
    --------
    >>> import xarray as xr
    >>> labels = {"origin": ["MEX", "USA"], "destination": ["MEX", "USA"]}
    >>> flows = xr.DataArray([[0.0, 5.0], [2.0, 0.0]], coords=labels, dims=list(labels))
    >>> margins(flows)["net_migration"].values.tolist()
    [-3.0, 3.0]
    """
    _square(flows)
    inflow = flows.sum("origin", dtype=np.float64).rename(destination="country")
    outflow = flows.sum("destination", dtype=np.float64).rename(origin="country")
    parts = {"inflow": inflow, "outflow": outflow, "net_migration": inflow - outflow}
    units = {"units": flows.attrs.get("units", "persons")}
    return xr.Dataset({name: part.transpose(..., "country").assign_attrs(units) for name, part in parts.items()})


def match_net(flows: xr.DataArray, net: xr.DataArray) -> xr.DataArray:
    r"""Adjust flows as little as can be so that each country's inflow less its outflow is a given total.

    .. math:: y'_{od} = y_{od}\, e^{\lambda_d - \lambda_o}, \qquad \sum_o y'_{oc} - \sum_d y'_{cd} = N_c,

    the flows nearest to the given ones in relative entropy. The :math:`\lambda` minimise the convex
    :math:`\sum y_{od} e^{\lambda_d - \lambda_o} - \lambda' N` (by Newton). A flow of zero stays zero.

    Parameters
    ----------
    flows : xarray.DataArray
        Axes ``origin`` and ``destination`` with the same countries, and any others.
    net : xarray.DataArray
        Net totals with an axis ``country`` of those countries, in the units of the flows, and any of the other
        axes of `flows`; they add up to zero.

    Returns
    -------
    xarray.DataArray
        Axes as `flows`, float64.

    Raises
    ------
    DrawsError
        If units or countries differ, the totals do not add up to zero, or no flows that are not zero can make them.

    Examples
    --------
    >>> import xarray as xr
    >>> labels = {"origin": ["MEX", "USA"], "destination": ["MEX", "USA"]}
    >>> flows = xr.DataArray([[0.0, 6.0], [2.0, 0.0]], coords=labels, dims=list(labels), attrs={"units": "persons"})
    >>> net = xr.DataArray([-1.0, 1.0], coords={"country": ["MEX", "USA"]}, dims="country", attrs={"units": "persons"})
    >>> match_net(flows, net).values.round(6).tolist()
    [[0.0, 4.0], [3.0, 0.0]]
    """
    countries = _square(flows)
    if flows.attrs.get("units") != net.attrs.get("units"):
        raise DrawsError(
            f"expected net totals in the units of the flows, {flows.attrs.get('units')!r}, found "
            f"{net.attrs.get('units')!r}; convert them (a period has five years)."
        )
    if net["country"].to_numpy().tolist() != countries:
        raise DrawsError("expected the net total of each country of the flows, in their order, found others; reindex.")
    dims = [str(dim) for dim in flows.dims if dim not in ("origin", "destination")]
    other = [str(dim) for dim in net.dims if dim not in (*dims, "country")]
    if other:
        raise DrawsError(f"expected axes of the flows in the net totals, found {', '.join(other)} too; select one.")
    ordered = flows.transpose(*dims, "origin", "destination")
    shared = flows.coords.to_dataset()[[dim for dim in dims if dim in flows.coords]]
    shared, wanted = xr.align(shared, net, join="exact", exclude="country")
    shape = ordered.shape[:-1]
    lined = xr.broadcast(wanted, xr.DataArray(np.empty(shape[:-1]), dims=dims), exclude=["country"])[0]
    totals = lined.transpose(*dims, "country").to_numpy().reshape(-1, shape[-1])
    before = ordered.to_numpy().reshape(-1, shape[-1], shape[-1])
    after = np.empty(before.shape)
    for at in range(len(before)):
        after[at] = _balanced(before[at].astype(float), totals[at].astype(float), countries)
    return ordered.copy(data=after.reshape(ordered.shape)).transpose(*flows.dims)


def _balanced(flows: Array, net: Array, countries: list[str]) -> Array:
    """Flows of one draw, with factors such that the net totals are met."""
    scale = max(flows.sum(), np.abs(net).sum(), 1.0)
    if abs(net.sum()) > 1e-6 * scale:
        raise DrawsError(
            f"expected net totals that add up to zero, found {net.sum():,.0f}; who leaves one country arrives in "
            "another: add the rest of the world as a country, or take the surplus out of the totals."
        )
    net = net - net.mean()
    log_factor = np.zeros(len(net))
    moved = flows
    for _ in range(ROUNDS):
        away = moved.sum(0) - moved.sum(1) - net
        if np.abs(away).max() <= CLOSE * scale:
            return moved
        # The curvature is a Laplacian: a common factor changes nothing, and the constant takes it out.
        through = moved.sum(0) + moved.sum(1)
        curvature = np.diag(through + 1e-12 * scale) - moved - moved.T + through.sum() / len(net) ** 2
        step = np.linalg.solve(curvature, -away)
        step *= min(1.0, LARGEST_STEP / max(np.abs(step).max(), 1e-300))
        log_factor = log_factor + step
        moved = flows * np.exp(log_factor - log_factor[:, None])
    worst = int(np.argmax(np.abs(moved.sum(0) - moved.sum(1) - net)))
    raise DrawsError(
        f"expected flows that can make the net totals, found none for {countries[worst]} ({net[worst]:,.0f}): it has "
        "no flow, or none in that direction; give it one, or ask for another total."
    )


def _square(flows: xr.DataArray) -> list[str]:
    """The countries, which must be the same as origins and as destinations."""
    labels = [flows[name].to_numpy().tolist() for name in ("origin", "destination") if name in flows.dims]
    if len(labels) != 2 or labels[0] != labels[1]:
        raise DrawsError(
            "expected the flows of all corridors between the same countries, on axes origin and destination, found "
            "others; forecast all corridors of these countries."
        )
    return labels[0]
