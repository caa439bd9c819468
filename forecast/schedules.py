"""Model age schedules of migrants: Rogers and Castro's curve, and the named profiles made with it."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..data.axes import SEXES

__all__ = ["PROFILES", "rogers_castro"]

AGES = np.arange(101)


def rogers_castro(
    *,
    children: float,
    children_decline: float,
    workers: float,
    workers_decline: float,
    workers_peak: float,
    workers_rise: float,
    constant: float,
) -> NDArray[np.float64]:
    """Model migration schedule with seven parameters, as shares by single year of age.

    ``m(x) = a1 exp(-α1 x) + a2 exp(-α2 (x - μ2) - exp(-λ2 (x - μ2))) + c`` (Rogers & Castro 1981, eq. 1 without the
    retirement peak), scaled to sum to one.

    Parameters
    ----------
    children, children_decline : float
        a1 and α1 (per year of age).
    workers, workers_decline, workers_peak, workers_rise : float
        a2, α2 (per year), μ2 (years) and λ2 (per year).
    constant : float
        c.

    Returns
    -------
    array, shape (101,)

    Examples
    --------
    >>> shares = rogers_castro(children=0.02, children_decline=0.1, workers=0.06, workers_decline=0.1,
    ...                        workers_peak=20.0, workers_rise=0.4, constant=0.003)
    >>> int(shares.argmax()), round(float(shares.sum()), 6)
    (23, 1.0)
    """
    late = np.exp(
        -workers_decline * (AGES - workers_peak) - np.exp(-workers_rise * (AGES - workers_peak)),
    )
    schedule = children * np.exp(-children_decline * AGES) + workers * late + constant
    return schedule / schedule.sum()


# Rogers & Castro's (1981) standard shape for families; without children and constant for workers, ages 16 and over.
_FAMILY = rogers_castro(
    children=0.02,
    children_decline=0.1,
    workers=0.06,
    workers_decline=0.1,
    workers_peak=20.0,
    workers_rise=0.4,
    constant=0.003,
)
_WORKER = rogers_castro(
    children=0.0,
    children_decline=0.1,
    workers=0.06,
    workers_decline=0.1,
    workers_peak=22.0,
    workers_rise=0.4,
    constant=0.0,
) * (AGES >= 16)

PROFILES = {
    name: xr.DataArray(
        np.stack([female * shares, (1.0 - female) * shares]) / shares.sum(),
        dims=("sex", "age"),
        coords={"sex": list(SEXES), "age": AGES},
        attrs={"units": "share"},
    )
    for name, shares, female in (("worker", _WORKER, 0.4), ("family", _FAMILY, 0.5))
}
"""Age and sex of those admitted, by name: "worker" (16 and over, 40 % women: an assumption) and "family"."""
