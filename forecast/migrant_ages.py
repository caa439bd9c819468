"""Fits of model migration schedules to migrants of one direction: the most probable one, and draws."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import xarray as xr
from numpy.typing import NDArray
from pytensor.configdefaults import config
from pytensor.tensor.variable import TensorVariable
from scipy.optimize import minimize
from scipy.special import digamma, gammaln

from ..data import DataError
from ..data.axes import SEXES
from .chains import run_chains
from .errors import ConvergenceError
from .fit import Sampling, diagnose
from .priors import LogNormal
from .rogers_castro import AGES, FORMS, OLDEST, STEEPEST, MigrantAges, ModelSchedule, check_ages, curve, schedule_of

__all__ = [
    "SchedulePriors",
    "fit_migrant_ages",
    "fit_schedule",
    "sample_migrant_ages",
]

Array = NDArray[np.float64]

EXACT = 1e6  # persons that shares stand for: no sampling error, only that of the model
SHARES_SUM = 1e-3  # within which shares that were rounded sum to one
TINY = 1e-12
FARTHEST = 7.0  # standard deviations of the prior that a search goes from its median
STARTS = ((1.0, 1.0), (0.75, 1.3), (1.3, 0.75))  # labour peaks by the prior's median: one search may stop short


@dataclass(frozen=True, kw_only=True)
class SchedulePriors:
    """What is believed of a schedule before it is seen; every number is above zero and its log is normal.

    Medians of the first six are those of the seven-parameter schedules fitted to the United Nations' projected
    migrants of 2025-30 (2024 revision) up to age 74, by sex, of all countries where every age gains or every age loses.
    That projection has few distinct shapes, so that the spreads are this project's, wide enough for the schedules of
    Rogers & Castro (1981). Whatever concerns old ages is an assumption of this project.
    "Odds" are the people of a component per person of the labour force component, over ages 0 to 100. The peak of
    retirement is so many years after that of the labour force, so that the two cannot change places; without such a
    peak in the figures its odds go to zero and its shape stays at the prior.

    Parameters
    ----------
    children_odds, children_decline : LogNormal
        Children and α1.
    workers_decline, workers_peak, workers_rise : LogNormal
        α2, μ2 and λ2.
    constant_odds : LogNormal
        The constant.
    elderly_odds, elderly_rise : LogNormal
        The upslope and λ4.
    retired_odds, retired_after, retired_decline, retired_rise : LogNormal
        The peak of retirement, μ3 - μ2, α3 and λ3.
    concentration : LogNormal
        How many persons the schedule's shares are worth, κ of a Dirichlet distribution: the fewer, the farther are
        real schedules from the model's.
    turnover : LogNormal
        Of net migration: arrivals and departures per person of the net counts without their signs, less one.
    error : LogNormal
        Of net migration: standard deviation of a group's net migrants, per person of the same.

    Examples
    --------
    >>> SchedulePriors(workers_peak=LogNormal(18.0, 0.1)).workers_peak.median
    18.0
    """

    children_odds: LogNormal = LogNormal(0.39, 0.7)
    children_decline: LogNormal = LogNormal(0.106, 0.5)
    workers_decline: LogNormal = LogNormal(0.126, 0.5)
    workers_peak: LogNormal = LogNormal(19.7, 0.2)
    workers_rise: LogNormal = LogNormal(0.35, 0.6)
    constant_odds: LogNormal = LogNormal(0.53, 1.0)
    elderly_odds: LogNormal = LogNormal(0.03, 1.5)
    elderly_rise: LogNormal = LogNormal(0.05, 0.5)
    retired_odds: LogNormal = LogNormal(0.03, 1.5)
    retired_after: LogNormal = LogNormal(45.0, 0.1)
    retired_decline: LogNormal = LogNormal(0.2, 0.5)
    retired_rise: LogNormal = LogNormal(0.4, 0.5)
    concentration: LogNormal = LogNormal(1000.0, 2.0)
    turnover: LogNormal = LogNormal(1.0, 1.0)
    error: LogNormal = LogNormal(0.003, 0.7)

    def normal(self, names: Sequence[str]) -> tuple[Array, Array]:
        """Means and standard deviations of the logs of some of them."""
        priors = [getattr(self, name) for name in names]
        return np.log([prior.median for prior in priors]), np.array([prior.sd for prior in priors])


PRIORS = SchedulePriors()


def fit_schedule(
    observed: xr.DataArray,
    *,
    parameters: int = 7,
    persons: float | None = None,
    oldest: int = OLDEST,
    priors: SchedulePriors = PRIORS,
) -> ModelSchedule:
    r"""Most probable schedule given migrants by age, one sex or both together.

    Counts :math:`n_g` of :math:`N` people in groups g are Dirichlet-multinomial about the sums of the schedule's single
    years, :math:`n \sim \mathrm{DM}(N, \kappa p)`: sampling error and the model's own, of which κ is found too. The
    mode is that of the logs of the parameters.

    Parameters
    ----------
    observed : xarray.DataArray
        Counts or shares over ``age``, lower bounds of adjoining groups, ascending; of one direction, departures
        counted as positive. Leave out ages at which a source has nobody by construction, and say so by `oldest`: no
        sum of exponentials is zero.
    parameters : {7, 9, 11, 13}
        7 has children, labour force and constant; 9 adds the upslope of the elderly, 11 the peak of retirement, 13
        both.
    persons : float, optional
        How many people were observed (a survey's sample, where the counts are weighted). Without it the sum of the
        counts; shares that sum to one are then taken as free of sampling error.
    oldest : int
        Last age of the last group; 100 if it is open.
    priors : SchedulePriors
        What is believed beforehand.

    Returns
    -------
    ModelSchedule
        Its rates are the shares by single year.

    Raises
    ------
    DataError
        If counts are negative, not finite or all zero, ages are not in order, or there is no such form.

    Examples
    --------
    >>> from poblar.forecast.rogers_castro import PUBLISHED
    >>> groups = PUBLISHED["western male"].shares(range(0, 85, 5))
    >>> found = fit_schedule(groups)
    >>> round(found.workers_peak, 1), round(found.children_decline, 2)
    (20.0, 0.11)
    """
    names = form_names(parameters)
    bounds = check_groups(observed, oldest, "age")
    return _most_probable(_counts(observed.to_numpy(), persons), bounds, oldest, names, priors)


def fit_migrant_ages(
    observed: xr.DataArray,
    *,
    parameters: int = 7,
    persons: float | None = None,
    oldest: int = OLDEST,
    priors: SchedulePriors = PRIORS,
) -> MigrantAges:
    """Most probable schedule of each sex given migrants by age and sex, and the share of women.

    Parameters
    ----------
    observed : xarray.DataArray
        Counts or shares over ``sex`` ("female", "male") and ``age``, as in `fit_schedule`.
    parameters, persons, oldest, priors : optional
        As in `fit_schedule`; `persons` of both sexes together.

    Returns
    -------
    MigrantAges
        With the observed share of women, and nobody of ages that were not observed. ``.shares`` is what `Migrants`
        takes as ``ages=``.

    Raises
    ------
    DataError
        As `fit_schedule`, or if the sexes are others.

    Examples
    --------
    >>> from poblar.data import reference
    >>> share = reference.region().migrant_ages["migrant_share"].sel(country="MEX")
    >>> found = fit_migrant_ages(share)
    >>> round(found.female_share, 2), round(float(abs(found.grouped(share["age"].to_numpy()) - share).max()), 3)
    (0.49, 0.007)
    """
    names = form_names(parameters)
    bounds = check_groups(observed, oldest, "sex", "age")
    counts = _counts(observed.transpose("sex", "age").to_numpy(), persons)
    female, male = (_most_probable(row, bounds, oldest, names, priors) for row in counts)
    women = float(counts[0].sum() / counts.sum())
    return MigrantAges(female=female, male=male, female_share=women, youngest=int(bounds[0]), oldest=oldest)


def sample_migrant_ages(
    observed: xr.DataArray,
    *,
    parameters: int = 7,
    persons: float | None = None,
    oldest: int = OLDEST,
    priors: SchedulePriors = PRIORS,
    seed: int,
    sampling: Sampling = Sampling(),
    accept_unconverged: bool = False,
) -> xr.Dataset:
    """Posterior draws of the schedule of each sex, by NUTS from the density of `fit_schedule`.

    Parameters
    ----------
    observed, parameters, persons, oldest, priors : optional
        As in `fit_migrant_ages`.
    seed : int
        The same seed gives the same draws.
    sampling : Sampling
        Numbers of draws and chains; thirteen parameters need ``Sampling(draws=2000)`` or more.
    accept_unconverged : bool
        Return draws that fail the convergence gate of every fit, marked ``converged = 0``, instead of raising.

    Returns
    -------
    xarray.Dataset
        ``share`` (draw, sex, age 0 … 100), which sums to one, with the uncertainty of the share of women; and the
        parameters of `SchedulePriors` (draw, sex). With the record of the run in its attributes.

    Raises
    ------
    DataError
        As `fit_migrant_ages`.
    ConvergenceError
        If R-hat > 1.01, an effective sample size < 400 or more than 0.1 % of the draws diverge.

    Examples
    --------
    Two short chains, far from the gate:

    >>> from poblar.forecast.rogers_castro import PUBLISHED
    >>> standard = PUBLISHED["fundamental"]
    >>> counts = 500.0 * MigrantAges(female=standard, male=standard, female_share=0.4).grouped(range(0, 85, 5))
    >>> draws = sample_migrant_ages(counts, seed=1, sampling=Sampling(draws=50, tune=100, chains=2, cores=1),
    ...                             accept_unconverged=True)
    >>> draws["share"].sizes, bool(abs(draws["share"].sum(["sex", "age"]) - 1.0).max() < 1e-9)
    (Frozen({'draw': 100, 'sex': 2, 'age': 101}), True)
    """
    names = form_names(parameters)
    bounds = check_groups(observed, oldest, "sex", "age")
    counts = _counts(observed.transpose("sex", "age").to_numpy(), persons)
    with config.change_flags(numba__fastmath=False):  # compiled or cached, a seed gives the same draws
        sample, diverging = run_chains(
            build_migrant_ages(counts, bounds, oldest, names, priors), seed=seed, **asdict(sampling)
        )
    diagnostics = diagnose(sample, diverging)
    if not diagnostics.converged and not accept_unconverged:
        raise ConvergenceError(
            "migrants' ages: expected R-hat <= 1.01, ESS >= 400 and at most 0.1 % divergent draws, found "
            f"{diagnostics}; sample longer (sampling=Sampling(draws=4000, tune=2000)), take a form of fewer "
            "parameters, or say accept_unconverged=True."
        )
    flat = sample.stack(sample=("chain", "draw")).reset_index("sample", drop=True).rename(sample="draw")
    flat = flat.transpose("draw", ...).assign_coords(draw=np.arange(flat.sizes["draw"]))
    theta = np.log(np.stack([flat[name].to_numpy() for name in names], axis=-1))
    ages = np.array([[curve(row, names)[0] for row in both] for both in theta])
    # Women among N people, Jeffreys prior.
    women = np.random.default_rng(seed).beta(counts[0].sum() + 0.5, counts[1].sum() + 0.5, len(ages))
    flat["share"] = (("draw", "sex", "age"), ages * np.stack([women, 1.0 - women], axis=1)[..., None])
    record = {"units": "share", "seed": seed, "converged": int(diagnostics.converged)}
    flat["share"].attrs |= record
    return flat.assign_coords(age=AGES).assign_attrs(record | {"diagnostics": str(diagnostics)})


def dirichlet_multinomial(counts: Array, shares: Array, concentration: float) -> tuple[float, Array, float]:
    """Log density of counts about shares up to a constant, and its derivatives by the shares and by log κ."""
    kappa, expected, total = concentration, concentration * shares, counts.sum()
    value = gammaln(kappa) - gammaln(kappa + total) + (gammaln(counts + expected) - gammaln(expected)).sum()
    by_expected = digamma(counts + expected) - digamma(expected)
    by_kappa = digamma(kappa) - digamma(kappa + total) + shares @ by_expected
    return float(value), kappa * by_expected, float(kappa * by_kappa)


def _most_probable(
    counts: Array, bounds: NDArray[np.int64], oldest: int, names: Sequence[str], priors: SchedulePriors
) -> ModelSchedule:
    mean, sd = priors.normal([*names, "concentration"])

    def cost(theta: Array) -> tuple[float, Array]:
        shares, slopes = grouped_curve(theta[:-1], names, bounds, oldest)
        value, by_shares, by_kappa = dirichlet_multinomial(counts, shares, float(np.exp(theta[-1])))
        away = (theta - mean) / sd
        return float(0.5 * away @ away - value), away / sd - np.r_[slopes @ by_shares, by_kappa]

    return schedule_of(lowest(cost, mean, sd, names)[:-1], names)


def grouped_curve(theta: Array, names: Sequence[str], bounds: NDArray[np.int64], oldest: int) -> tuple[Array, Array]:
    """Shares of the groups among the people between the first age and the last, and their derivatives."""
    single, slopes = curve(theta, names)
    shares = np.add.reduceat(single[: oldest + 1], bounds) + TINY
    by = np.add.reduceat(slopes[:, : oldest + 1], bounds, axis=1)
    total = shares.sum()
    shares = shares / total
    return shares, (by - by.sum(axis=1, keepdims=True) * shares) / total


def lowest(cost: Callable[[Array], tuple[float, Array]], mean: Array, sd: Array, names: Sequence[str]) -> Array:
    """The lowest point that a search from each start finds, in steps of the priors' spreads."""

    def scaled(steps: Array) -> tuple[float, Array]:
        value, slope = cost(mean + sd * steps)
        return value, sd * slope

    peaks = [index for index, name in enumerate(names) if name == "workers_peak"]
    found = []
    for times in STARTS:
        start = np.zeros(len(mean))
        start[peaks] = np.log(times[: len(peaks)]) / sd[peaks]
        limits = [(-FARTHEST, FARTHEST)] * len(mean)
        options = {"maxiter": 1000, "maxfun": 1000, "ftol": 1e-9, "gtol": 1e-6}
        found.append(minimize(scaled, start, jac=True, method="L-BFGS-B", bounds=limits, options=options))
    return mean + sd * min(found, key=lambda one: one.fun).x


def build_migrant_ages(
    counts: Array,
    bounds: NDArray[np.int64],
    oldest: int,
    names: Sequence[str],
    priors: SchedulePriors = PRIORS,
    rows: Sequence[str] = SEXES,
) -> pm.Model:
    """Write the density of `fit_schedule` down in PyMC, for each sex.

    Parameters
    ----------
    counts : array, shape (rows, groups)
        Persons by sex.
    bounds, oldest : array, shape (groups,), and int
        Lower bounds of the groups, and the last age of the last one.
    names : sequence of str
        The parameters of the form.
    priors : SchedulePriors
        What is believed beforehand.
    rows : sequence of str
        What the rows are called.

    Returns
    -------
    pymc.Model

    Examples
    --------
    >>> model = build_migrant_ages(np.ones((2, 3)), np.array([0, 15, 65]), 100, FORMS[7])
    >>> len(model.free_RVs)
    7
    """
    group = np.searchsorted(bounds, AGES[: oldest + 1], side="right") - 1  # of each single year
    with pm.Model(coords={"sex": list(rows)}) as model:
        at = {name: getattr(priors, name).variable(name, dims="sex")[:, None] for name in names}
        kappa = priors.concentration.variable("concentration", dims="sex")[:, None]
        peak = at["workers_peak"]
        single = _spread(_hump(at["workers_decline"], peak, at["workers_rise"])) + at["constant_odds"] / len(AGES)
        single += at["children_odds"] * _spread(-at["children_decline"] * AGES)
        if "elderly_odds" in at:
            single += at["elderly_odds"] * _spread(at["elderly_rise"] * AGES)
        if "retired_odds" in at:
            peak = peak + at["retired_after"]
            single += at["retired_odds"] * _spread(_hump(at["retired_decline"], peak, at["retired_rise"]))
        shares = single[:, : oldest + 1] @ (group[:, None] == np.arange(len(bounds))).astype(float)
        shares = shares / shares.sum(axis=1, keepdims=True) + TINY
        expected = kappa * shares / shares.sum(axis=1, keepdims=True)
        log_gamma: Any = pt.gammaln
        people = log_gamma(counts + expected) - log_gamma(expected)
        sizes = log_gamma(kappa) - log_gamma(kappa + counts.sum(axis=1, keepdims=True))
        pm.Potential("counts", people.sum() + sizes.sum())
    return model


def _spread(log: TensorVariable) -> TensorVariable:
    """People of a component by age, one in all, of the log of its curve."""
    people: Any = pt.exp(log - pt.max(log, axis=1, keepdims=True))
    return people / people.sum(axis=1, keepdims=True)


def _hump(decline: TensorVariable, peak: TensorVariable, rise: TensorVariable) -> TensorVariable:
    since = AGES - peak
    return -decline * since - pt.exp(pt.minimum(-rise * since, STEEPEST))


def form_names(parameters: int) -> tuple[str, ...]:
    if parameters not in FORMS:
        raise DataError(
            expected="a form with 7, 9, 11 or 13 parameters",
            found=f"parameters={parameters!r}",
            remedy="take 7 unless the figures show an upslope (9) or a peak (11) at old ages",
        )
    return FORMS[parameters]


def check_groups(observed: xr.DataArray, oldest: int, *dims: str, signed: bool = False) -> NDArray[np.int64]:
    """Lower bounds of the groups of figures that can be fitted."""
    if set(observed.dims) != set(dims) or "age" not in observed.coords:
        raise DataError(
            expected=f"figures over {' and '.join(dims)}",
            found=f"axes {', '.join(map(str, observed.dims)) or 'none'}",
            remedy="choose one country and year with .sel, and label the ages",
        )
    if "sex" in dims and tuple(observed["sex"].to_numpy().tolist()) != SEXES:
        raise DataError(
            expected=f"both sexes, {SEXES}",
            found=f"{observed['sex'].to_numpy().tolist()}",
            remedy="rename and order them, or fit one sex with fit_schedule",
        )
    bounds = check_ages(observed["age"].to_numpy(), oldest)
    values = observed.to_numpy()
    if not np.isfinite(values).all():
        raise DataError(
            expected="a finite number in every group", found="NaN or infinity", remedy="fill it in, or join the groups"
        )
    if not signed and (values < 0).any():
        mixed = bool((values > 0).any())
        raise DataError(
            expected="migrants of one direction, zero or more in every group",
            found=f"{'both signs' if mixed else 'negative counts'}, the least {values.min():g}",
            remedy="fit net migration with fit_net_ages" if mixed else "count those who leave as positive",
        )
    if not values.any():
        raise DataError(expected="migrants in some group", found="none in all", remedy="take a year with migrants")
    if "sex" in dims and not (values != 0).any(axis=observed.get_axis_num("age")).all():
        raise DataError(
            expected="migrants of both sexes", found="one sex without any", remedy="fit the other with fit_schedule"
        )
    return bounds


def _counts(values: Array, persons: float | None) -> Array:
    """Counts that sum to the persons observed."""
    if persons is not None and not (np.isfinite(persons) and persons > 0):
        raise DataError(expected="persons above zero", found=f"{persons:g}", remedy="give how many were observed")
    total = values.sum()
    if persons is None:
        persons = EXACT if abs(total - 1.0) < SHARES_SUM else float(total)
    return np.asarray(values, dtype=float) * (persons / total)
