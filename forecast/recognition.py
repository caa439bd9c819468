"""Recognition of asylum claims by group (origins, courts or judges) and year, and what the draw of a judge decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import xarray as xr
from numpy.typing import NDArray
from scipy.special import expit, logit

from ..data import DataError, Panel
from ..data.recognition import check_decisions
from .errors import DrawsError
from .fit import Model, last_year
from .priors import HalfNormal, LogNormal, Normal

__all__ = ["Recognition", "lottery"]

type Array = NDArray[np.float64]

INFORMATION: Final = 0.2  # that one decision gives about a logit, p (1 - p): 0.25 at a half, 0.16 at a fifth
OWN_VARIANCE: Final = 0.25  # of a usual step of a group's own, for the choice of the form of the parameters alone
EDGE: Final = 1e-6  # a simulated rate stays this far from zero and one, where a beta distribution has no density


@dataclass(frozen=True, kw_only=True)
class Recognition(Model[xr.Dataset]):
    r"""Decisions that give protection, of those decided, by group and year: beta-binomial, groups partially pooled.

    .. math::
        R_{gt} &\sim \text{BetaBinomial}(D_{gt},\ \kappa\, p_{gt},\ \kappa\, (1 - p_{gt})) \\
        \operatorname{logit} p_{gt} &= \theta_g + \beta_t + \gamma_{gt}, \qquad \theta_g \sim N(\mu, \sigma^2) \\
        \beta_t - \beta_{t-1} &\sim N(0, \tau^2), \qquad
        \gamma_{gs} - \gamma_{g,s-k} \sim N(0, \omega^2)

    with R recognized of D decided. The spread between groups :math:`\sigma` is a parameter, so that a group with few
    decisions is drawn to the others. The course common to all :math:`\beta` and a group's departure from it
    :math:`\gamma` are random walks with mean zero over the years; the departures sum to zero over the groups, and walk
    from knot to knot, k years apart and linear between, the last year being a knot.

    Parameters
    ----------
    level : Normal
        :math:`\mu`, logit.
    spread : HalfNormal
        :math:`\sigma`, logit.
    step : HalfNormal
        :math:`\tau`, logit in a year.
    own_step : HalfNormal
        :math:`\omega`, logit from knot to knot.
    concentration : LogNormal
        :math:`\kappa`, decisions: how alike those of a group and year are. However many there are, they say no more
        about p than :math:`\kappa + 1` decisions would, each by itself.
    wandering : bool
        Whether groups depart from the common course.
    knots : int
        k, years.

    Notes
    -----
    In a table of one period there are no walks, and decisions are binomial: a single figure of a group does not tell
    :math:`\kappa` from :math:`\sigma`.

    With a step every year the departures follow every figure, and :math:`\kappa` is left with nothing to be learnt
    from: on the 30 largest origins in the USA its effective sample size was 169 of 4,000 draws, with knots two years
    apart above 1,300. Group effects and departures are centred by as much as their decisions tell of them
    (Papaspiliopoulos, Roberts & Sköld 2007): groups of 1,000 decisions are slow in the one usual form, groups of three
    in the other.

    The posterior's ``parameters["rate"]`` holds p by group and year of the panel.

    References
    ----------
    Gelman, Carlin, Stern, Dunson, Vehtari & Rubin (2013), Bayesian Data Analysis, chapter 5 (partial
    pooling, and the beta-binomial).

    Papaspiliopoulos, Roberts & Sköld (2007), A general framework for the parametrization of hierarchical models,
    Statistical Science 22(1) (partially non-centred forms).

    Examples
    --------
    >>> from poblar.data import reference
    >>> model = Recognition().build(reference.decisions("MEX"))
    >>> [variable.name for variable in model.free_RVs]
    ['level', 'spread', 'base', 'step', 'steps', 'own_step', 'own_steps', 'concentration']
    """

    level: Normal = Normal(0.0, 1.5)
    spread: HalfNormal = HalfNormal(1.5)
    step: HalfNormal = HalfNormal(0.3)
    own_step: HalfNormal = HalfNormal(0.5)
    concentration: LogNormal = LogNormal(median=30.0, sd=1.0)
    wandering: bool = True
    knots: int = 2

    def __post_init__(self) -> None:
        if self.knots < 1:
            raise DrawsError(f"expected knots= a year or more apart, found {self.knots}; two is usual.")

    def build(self, panel: Panel) -> pm.Model:
        """Write the model of ``decided`` and ``recognized`` (group, year; counts) down in PyMC."""
        data = _Decisions.read(panel)
        informed = data.informed(self.concentration.median)
        known = _known(informed * data.variance(informed))
        dims = (data.group, "year") if data.yearly else (data.group,)
        count = len(data.years)
        with pm.Model(coords={data.group: data.groups} | ({"year": data.years} if data.yearly else {})) as model:
            level, spread = self.level.variable("level"), self.spread.variable("spread")
            # Centred where a group is known (1), non-centred where it is not (0), and between; N(level, spread) anyway.
            base = pm.Normal("base", known * level, spread**known, dims=data.group)
            score: Any = (level + spread ** (1.0 - known) * (base - known * level))[:, None]
            if count > 1:
                step = self.step.variable("step")
                steps = step * pm.Normal("steps", shape=count - 1)
                score += _centred(_walk(steps))
            if count > 1 and self.wandering:
                between = _between(count, self.knots)
                own_step = self.own_step.variable("own_step")
                clear = _known(informed * OWN_VARIANCE / len(between))[:, None]
                own = pm.Normal("own_steps", 0.0, own_step**clear, shape=(len(data.groups), len(between) - 1))
                own = own_step ** (1.0 - clear) * own
                score += _centred(_walk(own - own.mean(axis=0)) @ between)
            rate: Any = pm.math.sigmoid(score)
            pm.Deterministic("rate", rate if data.yearly else rate[:, 0], dims=dims)
            seen = np.nan_to_num(data.decided) > 0
            among, of = data.decided[seen], data.recognized[seen]
            share = rate[seen]
            if count > 1:
                weight = self.concentration.variable("concentration")
                pm.BetaBinomial("decisions", n=among, alpha=weight * share, beta=weight * (1.0 - share), observed=of)
            else:
                pm.Binomial("decisions", n=among, p=share, observed=of)
        return model

    def simulate(self, sample: xr.Dataset, panel: Panel, until: int | str, rng: np.random.Generator) -> xr.Dataset:
        """Simulate recognition from the year after the panel's last to the year `until`.

        Returns ``rate`` (draw, group, year), the probability of recognition, and ``outcome``, the share recognized of
        many decisions made in the year, which the concentration spreads around it.
        """
        data = _Decisions.read(panel)
        if len(data.years) < 2:
            raise DrawsError(
                "expected decisions of two years or more, found one period, which says nothing of years to come; the "
                "rates by group are in posterior.parameters['rate']."
            )
        years = np.arange(data.years[-1] + 1, last_year(until, data.years) + 1)
        rate = sample["rate"].transpose("draw", data.group, "year").to_numpy()[..., -1:]
        draws, groups, _ = rate.shape
        score = logit(np.clip(rate, EDGE, 1.0 - EDGE))
        steps = rng.standard_normal((draws, 1, len(years)))
        score = score + np.cumsum(sample["step"].to_numpy()[:, None, None] * steps, axis=-1)
        if self.wandering:
            own = rng.standard_normal((draws, groups, -(-len(years) // self.knots)))
            own = (own - own.mean(axis=1, keepdims=True)) * sample["own_step"].to_numpy()[:, None, None]
            score += np.cumsum(np.repeat(own / self.knots, self.knots, axis=-1), axis=-1)[..., : len(years)]
        rate = np.clip(expit(score), EDGE, 1.0 - EDGE)
        weight = sample["concentration"].to_numpy()[:, None, None]
        dims, units = ("draw", data.group, "year"), {"units": "share"}
        return xr.Dataset(
            {"rate": (dims, rate, units), "outcome": (dims, rng.beta(weight * rate, weight * (1.0 - rate)), units)},
            coords={data.group: data.groups, "year": years},
        )


def lottery(rate: xr.DataArray, over: str, *, caseload: xr.DataArray | None = None, share: float = 0.8) -> xr.Dataset:
    r"""What the draw of the judge does to the outcome, of cases assigned at random.

    .. math::
        \text{different} = E[p_1 (1 - p_2) + p_2 (1 - p_1)], \quad
        \text{at least} = E\,|p_1 - p_2|, \quad
        \text{between} = \frac{\operatorname{Var} p}{\bar p\, (1 - \bar p)}

    with the rates :math:`p_1, p_2` of two judges, drawn one after the other in proportion to their caseload.

    Parameters
    ----------
    rate : xarray.DataArray
        Probability of recognition by judge, as ``posterior.parameters["rate"]``; every other axis, of draws or years,
        stays.
    over : str
        Axis of the judges (or courts), two or more.
    caseload : xarray.DataArray, optional
        Cases of each judge (over); all alike where it is not given.
    share : float
        Share of the cases heard by the judges between ``low`` and ``high``.

    Returns
    -------
    xarray.Dataset
        Shares: ``different``, the probability that two judges answer two applicants differently, where answers are
        independent given the judges; ``same_judge``, the probability of it where one judge hears both; ``at_least``,
        the smallest share of like cases on which two judges must differ with these rates, even if all judges ranked the
        cases alike; ``between``, the share of the variance of outcomes that lies between judges; ``low`` and ``high``,
        the rates between which the judges of the central `share` of cases lie.

    Raises
    ------
    DrawsError
        If rates or `share` are no shares, there are fewer than two judges with cases, or a caseload is negative or of
        other judges.

    Notes
    -----
    Rates are comparable where cases are assigned at random, as within one court; between courts or origins they
    differ by the cases too.

    References
    ----------
    Fischman (2014), Measuring inconsistency, indeterminacy, and error in adjudication, American Law and Economics
    Review 16(1) (the range of inconsistency that rates allow).

    Ramji-Nogales, Schoenholtz & Schrag (2007), Refugee roulette: disparities in asylum adjudication, Stanford Law
    Review 60.

    Examples
    --------
    >>> import xarray as xr
    >>> rate = xr.DataArray([0.1, 0.9], coords={"office": ["judge A", "judge B"]}, dims="office")
    >>> found = lottery(rate, "office")
    >>> {name: round(float(found[name]), 2) for name in ("different", "at_least", "same_judge", "between")}
    {'different': 0.82, 'at_least': 0.8, 'same_judge': 0.18, 'between': 0.64}
    """
    if over not in rate.dims or rate.sizes[over] < 2:
        raise DrawsError(f"expected two or more judges along {over!r}, found {dict(rate.sizes)}; name their axis.")
    cases = xr.ones_like(rate[over], dtype=float) if caseload is None else caseload
    try:
        xr.align(rate, cases, join="exact", exclude=set(rate.dims) - {over})
    except ValueError as error:
        raise DrawsError(f"expected a caseload of the same judges; reindex it: {error}") from error
    if cases.dims != (over,) or not bool(((cases >= 0) & np.isfinite(cases)).all()) or int((cases > 0).sum()) < 2:
        raise DrawsError(f"expected cases of zero or more by {over}, of two judges at least, found others; mend them.")
    if not bool(((rate >= 0.0) & (rate <= 1.0)).all()) or not 0.0 < share <= 1.0:
        raise DrawsError(f"expected rates from 0 to 1 and a share above 0, found others or {share=}; mend them.")
    names = ("different", "same_judge", "at_least", "between", "low", "high")
    found: Any = xr.apply_ufunc(
        _lottery, rate, cases / cases.sum(), share, input_core_dims=[[over], [over], []], output_core_dims=[[]] * 6
    )
    return xr.Dataset({name: value.assign_attrs(units="share") for name, value in zip(names, found, strict=True)})


def _lottery(rate: Array, weight: Array, share: float) -> tuple[Array, ...]:
    """Figures of `lottery`, with judges along the last axis and weights that sum to one."""
    order = np.argsort(rate, axis=-1)
    rate, weight = np.take_along_axis(rate, order, axis=-1), weight[order]
    mean = (weight * rate).sum(axis=-1)
    variance = (weight * (rate - mean[..., None]) ** 2).sum(axis=-1)
    others = 1.0 - (weight**2).sum(axis=-1)  # that the second draw is another judge
    pair = (mean**2 - (weight**2 * rate**2).sum(axis=-1)) / others
    first = (weight * (1.0 - weight) * rate).sum(axis=-1) / others
    below = np.cumsum(weight, axis=-1)
    apart = 2.0 * (weight * rate * (2.0 * below - weight - 1.0)).sum(axis=-1) / others
    total = mean * (1.0 - mean)
    between = np.divide(variance, total, out=np.zeros_like(total), where=total > 0.0)
    ends = [
        np.take_along_axis(rate, np.argmax(below >= at - EDGE, axis=-1)[..., None], axis=-1)[..., 0]
        for at in (0.5 - share / 2.0, 0.5 + share / 2.0)
    ]
    return 2.0 * (first - pair), 2.0 * (total - variance), apart, between, *ends


def _known(ratio: Array) -> Array:
    """Weight of the centred form, from 0 to 1, by what data tell over what the prior does."""
    return ratio / (ratio + 1.0)


def _walk(steps: Any) -> Any:
    """Random walk along the last axis that starts at zero."""
    return pt.concatenate([pt.zeros_like(steps[..., :1]), pt.cumsum(steps, axis=-1)], axis=-1)


def _centred(path: Any) -> Any:
    return path - path.mean(axis=-1, keepdims=True)


def _between(years: int, apart: int) -> Array:
    """Weights of the knots in each year (knot, year); the last year is a knot."""
    knots = np.arange(years - 1, -apart, -apart)[::-1]
    return np.stack([np.interp(np.arange(years), knots, row) for row in np.eye(len(knots))])


@dataclass(frozen=True)
class _Decisions:
    """A panel as the model wants it: counts by group and year, where a table of one period has one year."""

    group: str
    groups: list[str]
    years: NDArray[np.int64]
    yearly: bool
    decided: Array
    recognized: Array

    @classmethod
    def read(cls, panel: Panel) -> _Decisions:
        group = check_decisions(panel)
        yearly = "year" in panel["decided"].dims
        dims = (group, "year") if yearly else (group,)
        groups = [str(label) for label in panel.dataset.indexes[group]]
        years = panel["year"].to_numpy() if yearly else np.zeros(1, np.int64)
        decided, recognized = (
            panel[name].transpose(*dims).to_numpy().astype(float).reshape(len(groups), -1)
            for name in ("decided", "recognized")
        )
        if len(groups) < 2 or not np.nansum(decided) > 0:
            raise DataError(
                expected=f"decisions of two or more along {group!r}",
                found=f"{len(groups)} with {np.nansum(decided):g} decisions",
                remedy="there is nothing to pool: give the groups by name, and those with decisions",
            )
        return cls(group, groups, years, yearly, decided, recognized)

    def informed(self, concentration: float) -> Array:
        """What its decisions tell about a group's logit, a precision (group)."""
        decided = np.nan_to_num(self.decided)
        if len(self.years) > 1:  # those of a year are worth less than so many by themselves
            decided = decided * concentration / (decided + concentration)
        return INFORMATION * decided.sum(axis=1)

    def variance(self, informed: Array) -> float:
        """Of the logits between groups, by moments: it decides the form of the parameters, not their distribution."""
        of, among = np.nansum(self.recognized, axis=1), np.nansum(self.decided, axis=1)
        scores = logit((of + 0.5) / (among + 1.0))
        squares = (informed * (scores - np.average(scores, weights=informed)) ** 2).sum()
        return max(squares - (len(scores) - 1), 0.0) / informed.sum()
