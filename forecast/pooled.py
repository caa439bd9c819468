"""Countries pooled about the world: the likelihood of level-dependent changes, in coordinates that sample well."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.tensor.variable import TensorVariable

from .levels import LOGS, LevelChange, Steps, steps_of, wander_knots
from .shocks import add_shocks

__all__ = ["Pilot", "World", "add_level_change", "level_coords", "pilot_of"]

Array = NDArray[np.float64]

log = logging.getLogger(__name__)

FEW = 10  # observations; with fewer a forecast is the world's more than the country's own
ROUNDS = 6  # of reweighting in the pilot; after three the weights hardly change
PILOT_YEARS = 10.0  # how many years of a typical country a country's own scale is worth in the pilot


@dataclass(frozen=True)
class World:
    """What is believed of the parameters that all countries share, as a normal distribution.

    Parameters
    ----------
    mean : array, shape (parameter,)
        In the order of `LevelChange.world_parameters`.
    covariance : array, shape (parameter, parameter)

    Examples
    --------
    >>> from poblar.forecast import Fertility
    >>> World(*Fertility().change.world_prior()).mean.shape
    (21,)
    """

    mean: Array
    covariance: Array


def level_coords(spec: LevelChange, name: str, last: int) -> dict[str, tuple[float, ...] | tuple[str, ...]]:
    """Coordinates that `add_level_change` needs in the model, besides ``country``.

    Parameters
    ----------
    spec : LevelChange
        The form.
    name : str
        Name of the series, which its variables and dims start with.
    last : int
        Year of the last observation.

    Returns
    -------
    dict

    Examples
    --------
    >>> from poblar.forecast import Fertility
    >>> level_coords(Fertility().change, "tfr", 2023)["tfr_wander_knot"]
    (2008.0, 2013.0, 2018.0, 2023.0)
    """
    knots = wander_knots(spec, last)
    names = (*spec.terms, *(f"wander {knot:g}" for knot in knots))
    return {
        f"{name}_term": spec.terms,
        f"{name}_scale_knot": spec.scale_knots,
        f"{name}_wander_knot": knots,
        f"{name}_coefficient": names,
        f"{name}_world_parameter": spec.world_parameters,
    }


def add_level_change(
    spec: LevelChange,
    name: str,
    levels: Array,
    years: NDArray[np.int64],
    world: World | None = None,
    masked: tuple[int, ...] = (),
) -> None:
    r"""Add the parameters and the likelihood of `spec` to the current PyMC model, which has its coordinates.

    The sampler moves in standardised coordinates z. The world parameters are ``mean + chol(covariance) z``; each
    country's coefficients are :math:`\theta_c = t_c + T_c \mu + W_c z_c`, with :math:`\mu` the world's changes.
    :math:`T_c` and :math:`W_c` say how far the country's own figures decide them (see `Pilot`), so that z is about
    standard normal whatever the country has seen, and does not depend on :math:`\mu`. The prior density is
    that of :math:`\theta_c`; the Jacobian is constant. The country's scale is treated alike.

    Parameters
    ----------
    spec : LevelChange
        Form and priors.
    name : str
        Name of the series.
    levels : array, shape (country, time)
        Observed levels.
    years : array, shape (time,)
        Their years; a gap counts as one step of several years.
    world : World, optional
        Belief about the shared parameters; by default the spec's prior. Where there are fewer than ten observations,
        the log warns that the forecast rests on it.
    masked : tuple of int
        Years of a shock, as for `poblar.forecast.levels.steps_of`.

    Examples
    --------
    >>> import numpy as np, pymc as pm
    >>> from poblar.forecast import Fertility
    >>> spec, years = Fertility().change, np.array([2019, 2020, 2023])
    >>> with pm.Model(coords={"country": ["MEX"], **level_coords(spec, "tfr", 2023)}) as model:
    ...     add_level_change(spec, "tfr", np.array([[2.1, 2.0, 1.9]]), years)
    >>> sorted(variable.name for variable in model.free_RVs)
    ['tfr_country_z', 'tfr_scale_z', 'tfr_world_z']
    """
    steps = steps_of(spec, levels, years, masked)
    if world is not None and len(years) < FEW:
        seen = ", ".join(map(str, years))
        log.warning("%s: %d observations (%s); what they leave open is the prior of the world", name, len(years), seen)
    prior = world or World(*spec.world_prior())
    pilot = pilot_of(spec, steps, prior)
    n_terms = len(spec.terms)
    scales = slice(n_terms, n_terms + len(spec.scale_knots))

    world_z = pm.Normal(f"{name}_world_z", dims=f"{name}_world_parameter")
    values = pt.as_tensor(prior.mean + np.linalg.cholesky(prior.covariance) @ world_z)
    change = _named(f"{name}_world_change", values[:n_terms], dims=f"{name}_term")
    log_scale = _named(f"{name}_log_scale", values[scales], dims=f"{name}_scale_knot")
    spread, wander_scale = (
        _named(f"{name}_{what}", _tensor(pt.exp(values[scales.stop + at]))) for at, what in enumerate(LOGS)
    )
    z = pm.Normal(f"{name}_country_z", dims=("country", f"{name}_coefficient"))
    coefficients = pilot.offset + pilot.slope @ change + (pilot.root * z[:, None, :]).sum(-1)
    own = _named(f"{name}_change", coefficients[:, :n_terms], dims=("country", f"{name}_term"))
    wanders = _named(f"{name}_path", coefficients[:, n_terms:], dims=("country", f"{name}_wander_knot"))
    unlike = (own - change) @ np.linalg.inv(np.linalg.cholesky(spec.country_covariance())).T
    pm.Potential(f"{name}_countries", 0.5 * (z**2).sum() - 0.5 * (unlike**2).sum())
    moved = wanders[:, 1:] - spec.persistence * wanders[:, :-1]
    step = wander_scale * np.sqrt(1.0 - spec.persistence**2)
    add_shocks(f"{name}_first_wander", wanders[:, 0], tails=pt.constant(spec.wander_tails), scale=wander_scale)
    add_shocks(f"{name}_wanders", moved, tails=pt.constant(spec.wander_tails), scale=step)

    # Log s given the world's: the pilot's own estimate and the prior, each by its precision.
    scale_z = pm.Normal(f"{name}_scale_z", dims="country")
    precision = pilot.scale_precision + spread**-2.0
    shift = steps.scale.mean(1) @ (log_scale - prior.mean[scales])
    scale_centre = pilot.scale_precision / precision * (pilot.log_scale - shift)
    country_scale = _named(f"{name}_country_log_scale", scale_centre + scale_z / pt.sqrt(precision), dims="country")
    spreads = 0.5 * scale_z**2 - 0.5 * (country_scale / spread) ** 2 - 0.5 * _tensor(pt.log(precision * spread**2))
    pm.Potential(f"{name}_scales", spreads.sum())
    log_scales = (steps.scale * log_scale).sum(-1) + country_scale[:, None]
    scale = _tensor(pt.exp(log_scales)) * np.sqrt(steps.length)
    error = steps.response - (steps.design * coefficients[:, None, :]).sum(-1)
    add_shocks(f"{name}_errors", error, tails=pt.constant(spec.tails), scale=scale)


def _tensor(value: object) -> TensorVariable:
    """The same, for type checkers: PyTensor's hints leave open what its functions return."""
    if not isinstance(value, TensorVariable):
        raise TypeError(f"expected a tensor, found {type(value)}")
    return value


def _named(name: str, value: TensorVariable, dims: str | tuple[str, ...] | None = None) -> TensorVariable:
    """Record a value in the draws under this name, and go on with it."""
    pm.Deterministic(name, value, dims=dims)
    return value


@dataclass(frozen=True, kw_only=True)
class Pilot:
    r"""Where each country's parameters lie about the world's, by weighted least squares.

    With the weights of robust regression, country c's coefficients given the world's changes :math:`\mu` are normal
    with covariance :math:`V_c = (P^{-1} + X_c' W_c X_c)^{-1}` and mean
    :math:`V_c (P^{-1} (\mu, 0) + X_c' W_c d_c) = t_c + T_c \mu`.

    Parameters
    ----------
    offset : array, shape (country, coefficient)
        :math:`t_c`.
    slope : array, shape (country, coefficient, term)
        :math:`T_c`.
    root : array, shape (country, coefficient, coefficient)
        A root of :math:`V_c`.
    log_scale : array, shape (country,)
        Log s by the country's own errors.
    scale_precision : float
        Its precision, one over its variance.

    Examples
    --------
    `pilot_of` makes one of a country's figures:

    >>> import numpy as np
    >>> from poblar.forecast import Fertility
    >>> spec, years = Fertility().change, np.arange(2008, 2024)
    >>> steps = steps_of(spec, np.linspace(3.0, 2.0, 16)[None], years)
    >>> pilot_of(spec, steps, World(*spec.world_prior())).scale_precision
    15.0
    """

    offset: Array
    slope: Array
    root: Array
    log_scale: Array
    scale_precision: float


def pilot_of(spec: LevelChange, steps: Steps, world: World) -> Pilot:
    """Find the pilot by a few rounds of reweighted least squares.

    Parameters
    ----------
    spec : LevelChange
        The form.
    steps : Steps
        The figures.
    world : World
        Prior of the world parameters.

    Returns
    -------
    Pilot

    Examples
    --------
    Without information the coefficients are the world's:

    >>> import numpy as np
    >>> from poblar.forecast import Fertility
    >>> spec = Fertility().change
    >>> steps = steps_of(spec, np.full((1, 3), 2.0), np.array([2021, 2022, 2023]))
    >>> pilot = pilot_of(spec, steps, World(*spec.world_prior()))
    >>> float(pilot.slope[0, 9, 9].round(2))  # the highest knot
    1.0
    """
    n_terms, count = len(spec.terms), steps.design.shape[-1]
    mean = np.concatenate([world.mean[:n_terms], np.zeros(count - n_terms)])
    prior = np.zeros((count, count))
    prior[:n_terms, :n_terms] = spec.country_covariance()
    wander = np.exp(world.mean[spec.world_parameters.index("log_wander")])
    prior[n_terms:, n_terms:] = wander**2 * spec.wander_correlation(count - n_terms)
    precision = np.linalg.inv(prior)
    log_scale = world.mean[n_terms : n_terms + len(spec.scale_knots)]
    typical = np.exp(steps.scale @ log_scale) * np.sqrt(steps.length)
    own = np.ones((len(typical), 1))  # squared scale of each country, as a multiple of the typical one
    robust = np.ones_like(typical)

    def solved() -> tuple[Array, Array, Array]:
        weighted = steps.design * (robust / (own * typical**2))[..., None]
        covariance = np.linalg.inv(precision + np.einsum("ctk,ctl->ckl", weighted, steps.design))
        pull = np.einsum("ctk,ct->ck", weighted, steps.response)
        return covariance, pull, np.einsum("ckl,cl->ck", covariance, pull + precision @ mean)

    years = steps.design.shape[1]
    for _ in range(ROUNDS):
        covariance, _, centre = solved()
        residual = steps.response - np.einsum("ctk,ck->ct", steps.design, centre)
        leverage = np.einsum("ctk,ckl,ctl->ct", steps.design, covariance, steps.design)
        square = (residual**2 + leverage) / typical**2
        robust = (spec.tails + 1.0) / (spec.tails + square / own)
        own = (PILOT_YEARS + (robust * square).sum(1, keepdims=True)) / (PILOT_YEARS + years)
        # The world mean follows the countries, each as far as its figures say something.
        share = np.diagonal(np.eye(count) - covariance @ precision, axis1=1, axis2=2)[:, :n_terms]
        moved = (world.mean[:n_terms] + (share * centre[:, :n_terms]).sum(0)) / (1.0 + share.sum(0))
        mean = np.concatenate([moved, mean[n_terms:]])
    covariance, pull, _ = solved()
    return Pilot(
        offset=np.einsum("ckl,cl->ck", covariance, pull),
        slope=covariance @ precision[:, :n_terms],
        root=np.linalg.cholesky(covariance),
        # `own` holds some years of a typical country; taken out again here, within reason.
        log_scale=0.5 * np.log(np.maximum(own[:, 0] * (1.0 + PILOT_YEARS / years) - PILOT_YEARS / years, 0.05)),
        scale_precision=2.0 * years * spec.tails / (spec.tails + 3.0),
    )
