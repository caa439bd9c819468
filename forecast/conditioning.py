"""Forecasts given what is known of some country and year."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from .errors import DrawsError

__all__ = ["Given", "condition"]

Array = NDArray[np.float64]
Draws = xr.DataArray | xr.Dataset

SCANNED = 201  # values at which the support of a condition is looked up


@dataclass(frozen=True, kw_only=True, eq=False)
class Given:
    """What is known of every draw's world: a figure with its uncertainty, or a limit that it keeps.

    Parameters
    ----------
    of : xarray.DataArray
        The figure in each draw (draw,): ``tfr.sel(country="MEX", year=2030)``, a mean over years, an indicator of a
        projection.
    value, sd : float, optional
        It was measured, or is taken, to be `value`, with a normal error of standard deviation `sd`.
    at_least, at_most : float, optional
        It is not below, or not above.

    Raises
    ------
    DrawsError
        If `of` is not one finite figure a draw, or neither a value with its uncertainty nor a limit is given.

    Examples
    --------
    >>> import xarray as xr
    >>> tfr = xr.DataArray([[1.4, 1.6]], dims=("year", "draw"), coords={"draw": [0, 1], "year": [2030]}, name="tfr")
    >>> print(Given(of=tfr.sel(year=2030), value=1.4, sd=0.05))
    tfr (2030) is 1.4 ± 0.05
    """

    of: xr.DataArray
    value: float | None = None
    sd: float | None = None
    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self) -> None:
        if self.of.dims != ("draw",) or "draw" not in self.of.coords or not bool(np.isfinite(self.of).all()):
            raise DrawsError(
                f"expected of= a finite figure for each labelled draw, found axes {tuple(self.of.dims)}; select the "
                "country and year, e.g. tfr.sel(country='MEX', year=2030)."
            )
        limits = [limit for limit in (self.at_least, self.at_most) if limit is not None]
        measured = self.value is not None and self.sd is not None and np.isfinite(self.value) and 0.0 < self.sd < np.inf
        either = measured if not limits else self.value is None and self.sd is None
        if not either or limits != sorted(limits):
            raise DrawsError(
                f"expected value= with sd= above zero, or limits at_least= <= at_most=, found value={self.value}, "
                f"sd={self.sd}, at_least={self.at_least}, at_most={self.at_most}; give one or the other."
            )

    def __str__(self) -> str:
        labels = [str(label.item()) for label in self.of.coords.values() if label.ndim == 0]
        name = f"{self.of.name or 'the figure'}{f' ({", ".join(labels)})' if labels else ''}"
        if self.value is not None:
            return f"{name} is {self.value:g} ± {self.sd:g}"
        limits = (("at least", self.at_least), ("at most", self.at_most))
        return f"{name} is " + " and ".join(f"{word} {limit:g}" for word, limit in limits if limit is not None)

    def log_weights(self) -> Array:
        """How well each draw agrees: the normal log density but for a constant, or -inf outside a limit."""
        values = self.of.to_numpy().astype(float)
        if self.value is not None and self.sd is not None:
            return _kernel(values, self.value, self.sd)
        low = -np.inf if self.at_least is None else self.at_least
        high = np.inf if self.at_most is None else self.at_most
        return np.where((values >= low) & (values <= high), 0.0, -np.inf)

    def support(self, effective: float) -> str:
        """What values or limits at least `effective` draws agree with."""
        values = np.sort(self.of.to_numpy().astype(float))
        if self.sd is None:
            enough = int(np.ceil(effective))
            return f"at_least= up to {values[-enough]:.4g} or at_most= from {values[enough - 1]:.4g} on"
        grid = np.linspace(values[0], values[-1], SCANNED)
        good = [value for value in grid if effective_draws(_kernel(values, value, self.sd)) >= effective]
        return f"value= {good[0]:.4g} to {good[-1]:.4g} with this sd=" if good else "no value= with this sd="


def _kernel(values: Array, at: float, sd: float) -> Array:
    return -0.5 * ((values - at) / sd) ** 2


def effective_draws(log_weights: Array) -> float:
    """Effective number of draws, ``(sum w)² / sum w²`` (Kong 1992); 0 where no draw has any weight."""
    if not np.isfinite(log_weights).any():
        return 0.0
    weights = np.exp(log_weights - log_weights.max())
    return float(weights.sum() ** 2 / (weights**2).sum())


@overload
def condition[One: (xr.DataArray, xr.Dataset)](
    draws: One, given: Given | Sequence[Given], *, seed: int, effective: float = 100.0, size: int | None = None
) -> One: ...
@overload
def condition[One: Draws](
    draws: Mapping[str, One],
    given: Given | Sequence[Given],
    *,
    seed: int,
    effective: float = 100.0,
    size: int | None = None,
) -> dict[str, One]: ...
def condition(
    draws: Draws | Mapping[str, Draws],
    given: Given | Sequence[Given],
    *,
    seed: int,
    effective: float = 100.0,
    size: int | None = None,
) -> Draws | dict[str, Draws]:
    r"""Draws given what is known of some country and year; whole worlds are kept, so that all else moves with it.

    Draw d gets the weight :math:`w_d \propto \prod_j \exp\{-(x_{d,j} - v_j)^2 / 2 s_j^2\}`, or zero outside a limit,
    and draws are taken in proportion to it by systematic resampling (Kitagawa 1996). The forecast is the prior and the
    value a measurement: a normal forecast N(m, σ²) becomes one of mean (m/σ² + v/s²)/(1/σ² + 1/s²).

    Draws come in the order of those they were taken from, repeats beside each other. So `split_draws` leaves the copies
    of a world in one set, and a plan is not certified on worlds that it was made with.

    Parameters
    ----------
    draws : xarray.DataArray, xarray.Dataset, or mapping of str to them
        What is to be conditioned. Arrays that belong to the same worlds are given together, as a mapping, and the same
        draws are taken of all: ``project(region, **condition({"fertility": tfr, "mortality": e0}, …))``. In a mapping
        an array without ``draw``, which holds in every draw, stays as it is.
    given : Given or sequence of Given
        What is known; several hold at once.
    seed : int
        Seed of the resampling.
    effective : float
        Effective number of draws, :math:`(\sum w)^2 / \sum w^2`, that must remain.
    size : int, optional
        Draws returned; without it as many as there are. Most are repeats: the effective number is what counts for
        the error of a probability.

    Returns
    -------
    xarray.DataArray, xarray.Dataset or dict
        As `draws`, with ``draw`` 0, 1, …; attributes ``conditioned`` and ``effective_draws``.

    Raises
    ------
    DrawsError
        If the draws are not the same worlds, or too few agree; the message says what would have support.

    References
    ----------
    Kitagawa G. (1996), Monte Carlo filter and smoother for non-Gaussian nonlinear state space models, Journal of
    Computational and Graphical Statistics 5.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> paths = np.random.default_rng(1).normal(0.0, 0.1, (2000, 3)).cumsum(axis=1) + 1.6
    >>> tfr = xr.DataArray(paths, dims=("draw", "year"), coords={"draw": range(2000), "year": [2028, 2029, 2030]})
    >>> low = condition(tfr, Given(of=tfr.sel(year=2029), value=1.4, sd=0.05), seed=1)
    >>> low.mean("draw").to_numpy().round(1)
    array([1.5, 1.4, 1.4])
    """
    if isinstance(draws, xr.DataArray | xr.Dataset):
        if "draw" not in draws.dims:
            raise DrawsError(f"expected draws with an axis draw, found {tuple(draws.dims)}; pass the draws.")
        return condition({"draws": draws}, given, seed=seed, effective=effective, size=size)["draws"]
    givens = [given] if isinstance(given, Given) else list(given)
    if not givens:
        raise DrawsError("expected something given, found nothing; say Given(of=…).")
    worlds = givens[0].of["draw"].to_numpy()
    moving = {name: array for name, array in draws.items() if "draw" in array.dims}
    for name, array in [*moving.items(), *((f"of= {one}", one.of) for one in givens)]:
        if "draw" not in array.coords or not np.array_equal(array["draw"].to_numpy(), worlds):
            raise DrawsError(
                f"{name}: expected the {len(worlds)} draws that are conditioned on, found others; an index is one "
                "world in every array, so forecast all with the same draws=."
            )
    log_weights = np.sum([one.log_weights() for one in givens], axis=0)
    remain = effective_draws(log_weights)
    if remain < effective:
        raise DrawsError(_too_few(givens, remain, effective))
    count = len(worlds) if size is None else size
    if count < 1:
        raise DrawsError(f"expected size= of one draw or more, found {size}; leave it out.")
    index = _systematic(log_weights, count, np.random.default_rng(seed))
    record = {"conditioned": "; ".join(map(str, givens)), "effective_draws": round(remain, 1)}
    labels = np.arange(count)
    return dict(draws) | {
        name: array.isel(draw=index).assign_coords(draw=labels).assign_attrs(array.attrs | record)
        for name, array in moving.items()
    }


def _systematic(log_weights: Array, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Positions of `count` draws, ascending: each is taken its expected number of times, rounded up or down."""
    weights = np.exp(log_weights - log_weights.max())
    edges = np.cumsum(weights)
    return np.searchsorted(edges / edges[-1], (np.arange(count) + rng.random()) / count, side="right")


def _too_few(givens: list[Given], remain: float, effective: float) -> str:
    total = givens[0].of.sizes["draw"]
    message = (
        f"given {'; '.join(map(str, givens))}: expected an effective number of draws of {effective:g} or more, found "
        f"{remain:.1f} of {total}; "
    )
    if effective > total:
        return f"{message}forecast with more draws."
    support = "; ".join(f"{one}: {one.support(effective)}" for one in givens)
    return f"{message}there is support for {support}. Give one of these, a wider sd=, or forecast with more draws."
