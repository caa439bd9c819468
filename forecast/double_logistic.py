r"""Double-logistic curves of the published models, and the parameters that each country has of its own.

Both curves are made of one rise, which has run 10 % of its height at `start` and 90 % at ``start + width``:

.. math:: \Lambda(y; s, w) = \operatorname{logit}^{-1}\left(\frac{2 \ln 9}{w} (y - s - w / 2)\right)

Some countries have seen the whole of their curve and some hardly any, so that neither their parameters nor the
standardised deviations of these from the world's are well scaled for a sampler. `add_countries` samples neither: a
pilot finds, for each country, the quadratic that its data add to the log density, and the sampled variables are the
residuals of the normal distribution that this quadratic and the pooling imply. The posterior stays what it was; only
its coordinates change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.tensor.variable import TensorVariable
from scipy.special import expit

from .priors import Normal

__all__ = ["Information", "add_countries", "add_scaled", "decline", "gain", "learn", "rise", "whiten"]

Array = NDArray[np.float64]

STEEPNESS = 2.0 * np.log(9.0)  # from 10 to 90 % of a rise within its width (Alkema et al. 2011, p1 = p2 = 9)
TRIALS = 40  # of Levenberg-Marquardt; 15 suffice for the world


def rise(level: Any, start: Any, width: Any, sigmoid: Callable[[Any], Any] = expit) -> Any:
    """Logistic that reaches 10 % at `start` and 90 % at ``start + width``.

    Parameters
    ----------
    level, start, width : array or tensor
        In the units of the level; `width` is positive.
    sigmoid : callable
        Inverse logit, of NumPy arrays by default; ``pytensor.tensor.sigmoid`` inside a model.

    Returns
    -------
    array or tensor, between 0 and 1

    Examples
    --------
    >>> [round(float(rise(level, 2.0, 3.0)), 2) for level in (2.0, 3.5, 5.0)]
    [0.1, 0.5, 0.9]
    """
    return sigmoid(STEEPNESS / width * (level - start - 0.5 * width))


def decline(
    level: Any,
    *,
    upper: Any,
    end: Any,
    pace: Any,
    high_width: Any,
    low_width: Any,
    sigmoid: Callable[[Any], Any] = expit,
) -> Any:
    r"""Yearly decline of fertility at a level of it.

    .. math:: g(f) = d \left(\Lambda(f; \Delta_4, \Delta_3) - \Lambda(f; U - \Delta_1, \Delta_1)\right)

    Parameters
    ----------
    level : array or tensor
        Total fertility rate, children per woman.
    upper, end : array or tensor
        U, where the transition begins, and :math:`\Delta_4`, where it has lost nine tenths of its pace.
    pace : array or tensor
        d, children per woman and year.
    high_width, low_width : array or tensor
        :math:`\Delta_1` and :math:`\Delta_3`, children per woman: over how much the decline gathers pace and loses it.
    sigmoid : callable
        As in `rise`.

    Returns
    -------
    array or tensor, children per woman and year

    References
    ----------
    Alkema L. et al. (2011), Probabilistic projections of the total fertility rate for all countries, Demography 48.

    Examples
    --------
    >>> shape = {"upper": 6.5, "end": 2.0, "pace": 0.15, "high_width": 1.0, "low_width": 2.0}
    >>> [round(float(decline(level, **shape)), 3) for level in (1.0, 3.0, 4.5, 6.5)]
    [0.002, 0.075, 0.144, 0.015]
    """
    slowing = rise(level, end, low_width, sigmoid)
    return pace * (slowing - rise(level, upper - high_width, high_width, sigmoid))


def gain(
    level: Any,
    *,
    start: Any,
    first_width: Any,
    between: Any,
    second_width: Any,
    fast: Any,
    slow: Any,
    sigmoid: Callable[[Any], Any] = expit,
) -> Any:
    r"""Yearly gain of life expectancy at a level of it.

    .. math:: g(e) = k\,\Lambda(e; \Delta_1, \Delta_2) + (z - k)\,\Lambda(e; \Delta_1 + \Delta_2 + \Delta_3, \Delta_4)

    Parameters
    ----------
    level : array or tensor
        Life expectancy at birth, years.
    start, first_width, between, second_width : array or tensor
        :math:`\Delta_1 \ldots \Delta_4`, years: where gains pick up, over how much, how long they are fast, and over
        how much they slow down.
    fast, slow : array or tensor
        k and z, years per year: the gain between the two changes, and after both.
    sigmoid : callable
        As in `rise`.

    Returns
    -------
    array or tensor, years per year

    References
    ----------
    Raftery A.E., Chunn J.L., Gerland P., Sevcikova H. (2013), Bayesian probabilistic projections of life expectancy
    for all countries, Demography 50, eq. 1.

    Examples
    --------
    >>> shape = {"start": 14.0, "first_width": 40.0, "between": 6.0, "second_width": 18.0, "fast": 0.6, "slow": 0.1}
    >>> [round(float(gain(level, **shape)), 2) for level in (34.0, 55.0, 69.0, 90.0)]
    [0.3, 0.53, 0.34, 0.1]
    """
    first = rise(level, start, first_width, sigmoid)
    second = rise(level, start + first_width + between, second_width, sigmoid)
    return fast * first + (slow - fast) * second


@dataclass(frozen=True, kw_only=True)
class Information:
    """What each country's data say of its parameters, to second order about the pilot's estimate.

    Parameters
    ----------
    precision : array, shape (country, parameter, parameter)
        Gauss-Newton information; zero for a country without data.
    pull : array, shape (country, parameter)
        ``precision @ estimate`` plus the gradient there: the log likelihood is ``pull @ x - x @ precision @ x / 2`` and
        a constant.

    Examples
    --------
    >>> Information(precision=np.zeros((2, 1, 1)), pull=np.zeros((2, 1))).pull.shape
    (2, 1)
    """

    precision: Array
    pull: Array


def learn(
    residuals: Callable[[Array], Array], country: NDArray[np.int64], countries: int, mean: Array, spread: Array
) -> Information:
    """Find each country's penalised least squares, all at once, and the information of its data there.

    Parameters
    ----------
    residuals : callable
        From parameters (country, parameter) to standardised residuals (row,).
    country : array of int, shape (row,)
        Which country each row is of.
    countries : int
        How many there are; some may have no row.
    mean, spread : array, shape (parameter,)
        Normal pooling that the search is penalised by.

    Returns
    -------
    Information

    Examples
    --------
    Two observations of a country's mean, none of another's:

    >>> import numpy as np
    >>> rows = np.array([0, 0])
    >>> seen = learn(lambda x: np.array([1.0, 3.0]) - x[rows, 0], rows, 2, np.zeros(1), np.ones(1))
    >>> seen.precision.round(3).ravel().tolist(), seen.pull.round(3).ravel().tolist()
    ([2.0, 0.0], [4.0, 0.0])
    """

    def loss(x: Array) -> Array:
        return np.bincount(country, residuals(x) ** 2, countries) + (((x - mean) / spread) ** 2).sum(1)

    estimate, damping = np.tile(mean, (countries, 1)), np.full(countries, 0.01)
    now = loss(estimate)
    for _ in range(TRIALS):
        precision, slope = _quadratic(residuals, country, estimate)
        full = precision + np.diag(spread**-2.0)
        damped = full + damping[:, None, None] * np.einsum("cii->ci", full)[:, None] * np.eye(len(mean))
        step = np.linalg.solve(damped, (slope - (estimate - mean) / spread**2)[..., None])[..., 0]
        trial = loss(estimate + step)
        better = trial < now
        estimate = np.where(better[:, None], estimate + step, estimate)
        now = np.where(better, trial, now)
        damping = np.clip(np.where(better, damping / 5.0, damping * 5.0), 1e-9, 1e9)
    precision, slope = _quadratic(residuals, country, estimate)
    return Information(precision=precision, pull=np.einsum("cij,cj->ci", precision, estimate) + slope)


def _quadratic(
    residuals: Callable[[Array], Array], country: NDArray[np.int64], at: Array, step: float = 1e-4
) -> tuple[Array, Array]:
    """Gauss-Newton precision (country, parameter, parameter) and gradient of the log likelihood."""
    countries, size = at.shape
    moves = step * np.eye(size)
    slopes = [(residuals(at + move) - residuals(at - move)) / (2.0 * step) for move in moves]
    error = residuals(at)
    precision = np.stack(
        [np.stack([np.bincount(country, one * two, countries) for two in slopes], -1) for one in slopes], -1
    )
    return precision, np.stack([-np.bincount(country, one * error, countries) for one in slopes], -1)


def whiten(
    seen: Information, mean: Sequence[Any], spread: Sequence[Any], z: Sequence[Any]
) -> tuple[list[TensorVariable], TensorVariable]:
    r"""Parameters of the countries from standard normal residuals, and the log determinant of the map.

    .. math:: x_c = P_c^{-1} (h_c + S^{-2} \mu) + L_c^{-\top} z_c, \quad P_c = A_c + S^{-2} = L_c L_c^\top

    Under the quadratic of `seen` and the pooling ``x ~ N(mean, spread²)`` the z are exactly standard normal, whatever
    the mean and the spread. The Cholesky factor is written out, element by element over the countries, which costs
    less than one decomposition a country.

    Parameters
    ----------
    seen : Information
        A and h.
    mean, spread : sequence of tensor
        One scalar for each parameter.
    z : sequence of tensor, shape (country,)
        One vector for each parameter.

    Returns
    -------
    list of tensor, shape (country,)
        One for each parameter.
    tensor
        Log determinant of dx/dz, summed over the countries.

    Examples
    --------
    >>> import numpy as np
    >>> seen = Information(precision=np.array([[[3.0]], [[0.0]]]), pull=np.array([[6.0], [0.0]]))
    >>> (x,), _ = whiten(seen, [0.0], [1.0], [pt.as_tensor(np.zeros(2))])
    >>> x.eval().tolist()
    [1.5, 0.0]
    """
    size = len(z)
    factor: list[list[Any]] = [[None] * size for _ in range(size)]
    for j in range(size):
        for i in range(j, size):
            left = seen.precision[:, i, j] - sum(factor[i][m] * factor[j][m] for m in range(j))
            factor[i][j] = left / factor[j][j] if i > j else pt.sqrt(left + spread[j] ** -2.0)
    solved: list[Any] = []
    for i in range(size):
        left = seen.pull[:, i] + mean[i] * spread[i] ** -2.0 - sum(factor[i][m] * solved[m] for m in range(i))
        solved.append(left / factor[i][i])
    x: list[Any] = [None] * size
    for i in reversed(range(size)):
        left = solved[i] + z[i] - sum(factor[m][i] * x[m] for m in range(i + 1, size))
        x[i] = left / factor[i][i]
    stretch: Any = -sum(_log(factor[i][i]).sum() for i in range(size))
    return x, stretch


def _log(value: Any) -> Any:
    return pt.log(value)


def add_scaled(name: str, prior: Normal, dims: str | None = None, *, log: bool = False) -> TensorVariable:
    """Add a world parameter by its standardised deviation from the prior mean, ``<name>_offset``.

    A sampler starts within one unit of zero: of the offset, that is where the prior lies.

    Parameters
    ----------
    name : str
        Name of the parameter, which is recorded too.
    prior : Normal
        Of the parameter or, with `log`, of its logarithm.
    dims : str, optional
        Axis.
    log : bool
        The prior is of the logarithm.

    Returns
    -------
    tensor

    Examples
    --------
    >>> import pymc as pm
    >>> with pm.Model() as model:
    ...     scale = add_scaled("scale", Normal(0.0, 0.1), log=True)
    >>> [variable.name for variable in model.free_RVs], float(scale.eval({model["scale_offset"]: 0.0}))
    (['scale_offset'], 1.0)
    """
    value: Any = np.asarray(prior.mean) + np.asarray(prior.sd) * pm.Normal(f"{name}_offset", dims=dims)
    result: Any = pm.Deterministic(name, pt.exp(value) if log else value, dims=dims)
    return result


def add_countries(
    seen: Information, mean: Normal, log_spread: Normal, *, dims: tuple[str, str], some: NDArray[np.bool_] | None = None
) -> list[TensorVariable]:
    """Add pooled parameters of the countries, ``x ~ N(mean, spread²)``, to the current PyMC model.

    Parameters
    ----------
    seen : Information
        Of the pooled parameters and, if `some` is given, of one more.
    mean, log_spread : Normal
        Priors of the world's means and of the logarithms of the spreads, one value for each parameter.
    dims : (str, str)
        Names of the axes of parameters and of countries.
    some : array of bool, shape (country,), optional
        Countries that have one more parameter, standard normal a priori; zero in the others. Its axis is ``some``.

    Returns
    -------
    list of tensor, shape (country,)
        One for each parameter.

    Examples
    --------
    >>> import numpy as np, pymc as pm
    >>> blank = Information(precision=np.zeros((2, 1, 1)), pull=np.zeros((2, 1)))
    >>> with pm.Model(coords={"parameter": ["a"], "country": ["MEX", "CAN"]}) as model:
    ...     (a,) = add_countries(blank, Normal((0.0,), (1.0,)), Normal((0.0,), (0.2,)), dims=("parameter", "country"))
    >>> [variable.name for variable in model.free_RVs]
    ['mean_offset', 'spread_offset', 'deviation']
    """
    means, spreads = add_scaled("mean", mean, dims[0]), add_scaled("spread", log_spread, dims[0], log=True)
    size = len(np.atleast_1d(np.asarray(mean.mean)))
    deviation = pm.Normal("deviation", dims=dims)
    z: list[Any] = [deviation[i] for i in range(size)]
    mu: list[Any] = [means[i] for i in range(size)]
    sd: list[Any] = [spreads[i] for i in range(size)]
    sampled = [deviation]
    if some is not None:
        more: Any = pt.zeros(len(some))
        if some.any():
            extra = pm.Normal("deviation_some", dims="some")
            more = pt.set_subtensor(more[np.flatnonzero(some)], extra)
            sampled.append(extra)
        z, mu, sd = [*z, more], [*mu, 0.0], [*sd, pt.constant(1.0)]
    x, stretch = whiten(seen, mu, sd, z)
    pooling: Any = sum((-0.5 * ((v - m) / s) ** 2 - _log(s)).sum() for v, m, s in zip(x, mu, sd, strict=True))
    # The density is that of the parameters; the standard normal one of the sampled variables is taken out again.
    pm.Potential("pooling", pooling + stretch + 0.5 * sum((v**2).sum() for v in sampled))
    return x
