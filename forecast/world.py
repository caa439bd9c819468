"""World knowledge: the posterior of all countries, bundled, as the prior of a few."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final, Literal

import numpy as np
import xarray as xr

from ..data import DataError
from .errors import ConvergenceError
from .fit import Posterior
from .levels import LevelChange
from .pooled import World

__all__ = ["FOLDER", "Prior", "read_world_posterior", "summarise", "world_of"]

Prior = Literal["world", "vague"]

FOLDER: Final = Path(__file__).parents[1] / "data" / "posteriors"
"""Where the bundled posteriors are."""

MOST: Final = 60
"""Countries beyond which the world's posterior would count the same figures twice."""


def world_of(name: str, spec: LevelChange, prior: Prior, countries: Sequence[str]) -> World | None:
    """What a fit believes of the shared parameters before it sees its own figures.

    Parameters
    ----------
    name : {"tfr", "e0", "gap"}
        The series.
    spec : LevelChange
        Its form.
    prior : {"world", "vague"}
        The bundled posterior, or nothing but the spec.
    countries : sequence of str
        Those fitted.

    Returns
    -------
    World or None

    Raises
    ------
    DataError
        If the prior has another name, the posterior has seen the same figures, or it was fitted with other knots.

    Examples
    --------
    >>> from poblar.forecast import Fertility
    >>> world_of("tfr", Fertility().change, "vague", ["MEX"]) is None
    True
    """
    if prior == "vague":
        return None
    if prior != "world":
        raise DataError(expected="prior='world' or prior='vague'", found=f"prior={prior!r}", remedy="name one of them")
    if len(countries) > MOST:
        raise DataError(
            expected=f"at most {MOST} countries with the world's posterior as prior",
            found=f"{len(countries)} countries, whose figures that posterior has seen already",
            remedy="say prior='vague', and the world is learned from these figures",
        )
    stored = read_world_posterior(name)
    names = tuple(stored["parameter"].to_numpy().tolist())
    if names != spec.world_parameters:
        raise DataError(
            expected=f"the knots that the bundled posterior of {name} was fitted with",
            found="others",
            remedy="say prior='vague', or keep the model's own knots",
        )
    return World(stored["mean"].to_numpy(), stored["covariance"].to_numpy())


def summarise(posterior: Posterior[xr.DataArray], name: str, spec: LevelChange) -> xr.Dataset:
    """What a fit of all countries says of the parameters that they share, as a small table to bundle.

    Parameters
    ----------
    posterior : Posterior
        Fit with ``prior="vague"``.
    name : {"tfr", "e0", "gap"}
        The series.
    spec : LevelChange
        Its form.

    Returns
    -------
    xarray.Dataset
        As `read_world_posterior` reads it.

    Raises
    ------
    ConvergenceError
        If the fit did not pass the convergence gate.

    Examples
    --------
    >>> from poblar.forecast import Fertility
    >>> model = Fertility(prior="vague")
    >>> fitted = model.fit(figures, seed=1)  # doctest: +SKIP
    >>> summarise(fitted, "tfr", model.change).to_netcdf("tfr.nc")  # doctest: +SKIP
    """
    if not posterior.diagnostics.converged:
        raise ConvergenceError(f"expected a fit that converged, found {posterior.diagnostics}; sample longer.")
    mean, covariance = spec.world_prior()
    z = posterior.parameters[f"{name}_world_z"].stack(sample=("chain", "draw")).transpose("sample", ...).to_numpy()
    values = mean + z @ np.linalg.cholesky(covariance).T
    about = {
        "series": name,
        "last_year": int(posterior.panel["year"][-1]),
        "countries": posterior.panel.dataset.sizes["country"],
        "source": posterior.panel.dataset.attrs["source"],
        "revision": posterior.panel.dataset.attrs["revision"],
        "panel_hash": posterior.panel.hash,
        "seed": posterior.seed,
        "diagnostics": str(posterior.diagnostics),
        "versions": json.dumps(posterior.versions),
    }
    return xr.Dataset(
        {"mean": ("parameter", values.mean(0)), "covariance": (("parameter", "other"), np.cov(values, rowvar=False))},
        coords={"parameter": list(spec.world_parameters)},
        attrs=about,
    )


@cache
def read_world_posterior(name: str) -> xr.Dataset:
    """The bundled posterior of one series: mean and covariance of the shared parameters, and the record of the fit.

    Parameters
    ----------
    name : {"tfr", "e0", "gap"}

    Returns
    -------
    xarray.Dataset
        ``mean`` (parameter) and ``covariance``; attributes ``last_year``, ``countries``, ``panel_hash``, ``seed``,
        ``diagnostics``, ``versions``.

    Examples
    --------
    >>> int(read_world_posterior("tfr").attrs["last_year"])
    2023
    """
    return xr.load_dataset(FOLDER / f"{name}.nc", engine="h5netcdf")
