"""Migration between countries: the flow of each corridor, persistent about what history and gravity expect of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import xarray as xr
from numpy.typing import NDArray

from ..data import Panel
from ._bilateral_history import History, Known, flow_back
from ._bilateral_margins import margins, match_net
from .errors import DrawsError
from .fit import Model, Posterior
from .levels import along, hats
from .priors import Beta, Gamma, HalfNormal, LogNormal, Normal

__all__ = ["Bilateral", "margins", "match_net", "of_corridors"]

Array = NDArray[np.float64]

SIZES = (0.0, 1.5, 3.0, 5.0, 7.0, 9.0, 11.0, 13.0)
"""Log of one plus the usual flow at which the scale of the errors is a parameter: 0, 3, 19, 147 ... 440,000 persons."""

TAIL_SIZES = (0.0, 5.0, 10.0)
"""The same for tails and skew."""

SMALL = float(np.log1p(99.0))
"""Below it a flow takes only part of a shock of its countries."""

PILOT_ERROR, PILOT_SHOCK = 0.6, 0.4  # usual size of a corridor's error and of a country's shock, for the pilot
PILOT_MOST, PILOT_ROUNDS = 2.0, 20

DIRECTIONS = ("out", "in")
NOTHING = float(np.log(1.5))  # what is less than half a person is none


@dataclass(frozen=True, kw_only=True)
class Bilateral(Model[xr.DataArray]):
    r"""Five-year flows between countries, about what their own past, gravity and the latest stocks expect.

    With :math:`z = \log(1 + y)` of corridor o to d,

    .. math::
        m_{od,t} &= g_{od,t} + \frac{k}{k + r} (\bar z_{od,t} - g_{od,t}), \qquad
        \hat z_{od,t} = m_{od,t} + \phi\, \frac{z_{od,t-1} - m_{od,t}}{1 + (\kappa\, s_{od,t-1})^2}
            + \theta x_{od,t} \\
        z_{od,t} &= \hat z_{od,t} + \ell (a_{o,t} + b_{d,t}) + \sigma_{od,t}\, \varepsilon_{od,t}, \qquad
        (a_{c,t}, b_{c,t}) \sim t_\nu(0, \Sigma)

    so that a corridor returns, by the share that :math:`\phi` leaves, to a mean of its own: of its past
    :math:`\bar z` over k periods, drawn towards gravity g (populations, stocks of migrants, effects of origin and
    destination) as the effect of a corridor with a normal distribution is. The methods disagree on the flow of the last
    period with standard deviation s: that is its error of measurement, and the more of it, the less is carried on. x
    is the flow back, log over log. The growth of stocks is left out: the flows are estimated from it, and forecasts of
    2005 to 2015 with it were no better. A country's shocks to all its outflows and all its
    inflows go together (in the estimates they have opposite signs: one country's net total is off) and have heavy
    tails. The error :math:`\varepsilon` is a normal variable seen through a hyperbolic sine (Johnson 1949), whose tails
    and skew, like the scale :math:`\sigma`, change with the size of the flow; the scale also with s and, by a factor
    that all countries share, from period to period. A flow of less than half a person is none: zeros have the
    probability that z falls below log 1.5, and others that of the whole persons they are.

    A corridor where no method has ever seen a flow wakes with a probability of its own, with a flow drawn from
    those of corridors that woke before.

    Parameters
    ----------
    method : str
        Which of `poblar.data.corridors.METHODS` is forecast; the others tell how well it is known.
    persistence : Beta
        :math:`\phi`.
    disagreement : HalfNormal
        :math:`\kappa`, error of measurement per unit of disagreement, in units of the corridor's own variation.
    own_weight : LogNormal
        r, in periods: how much of the past gravity is worth.
    response : Normal
        :math:`\theta`, to the flow back.
    log_scale : Normal
        Log :math:`\sigma` at each of `SIZES`.
    spread_scale : Normal
        Its rise with the disagreement of the methods.
    volatility : HalfNormal
        Standard deviation between periods of the log scale of everything.
    log_tails, skew : Normal
        Of the error, at each of `TAIL_SIZES`; log tails of minus infinity are normal ones.
    shock_log_scale : Normal
        Log scale of the shocks to outflows and inflows.
    shock_alike : Normal
        Inverse hyperbolic tangent of their correlation.
    shock_tails : Gamma
        :math:`\nu`.
    small : Normal
        :math:`\ell` of a corridor without a flow; it rises to one at a hundred persons.
    wake : Beta
        Probability, per period, that a corridor wakes where none has been seen; what the past says is added to it.
    limit : float
        No flow is more than this share of the origin's population in a period: five times a twentieth a year,
        outside wars only seen in very small countries.
    shock_limit : float
        No shock of a country exceeds it in size: 2.5 is a factor of twelve.
    origins, destinations : tuple of str, optional
        Corridors that a forecast returns; by default all. The fit is to all.
    budget_mb : float
        Most memory that a forecast may take, in megabytes: four bytes a draw, corridor and period.

    References
    ----------
    Welch N.G., Raftery A.E. (2022), Probabilistic forecasts of international bilateral migration flows, PNAS 119.
    Abel G.J., Cohen J.E. (2019), Bilateral international migration flow estimates for 200 countries, Scientific Data 6.
    Johnson N.L. (1949), Systems of frequency curves generated by methods of translation, Biometrika 36.

    Examples
    --------
    >>> Bilateral(method="da_min_closed").limit
    0.25
    """

    method: str = "da_pb_closed"
    persistence: Beta = Beta(mean=0.9, weight=10.0)
    disagreement: HalfNormal = HalfNormal(0.3)
    own_weight: LogNormal = LogNormal(median=1.0, sd=1.0)
    response: Normal = Normal(0.0, 0.3)
    log_scale: Normal = Normal((-0.8,) * len(SIZES), (1.0,) * len(SIZES))
    spread_scale: Normal = Normal(0.0, 0.2)
    volatility: HalfNormal = HalfNormal(0.3)
    log_tails: Normal = Normal((0.0,) * len(TAIL_SIZES), (0.5,) * len(TAIL_SIZES))
    skew: Normal = Normal((0.0,) * len(TAIL_SIZES), (0.5,) * len(TAIL_SIZES))
    shock_log_scale: Normal = Normal((-1.0, -1.0), (0.5, 0.5))
    shock_alike: Normal = Normal(-0.5, 0.5)
    shock_tails: Gamma = Gamma(mean=4.0, sd=1.5)
    small: Normal = Normal(0.7, 0.3)
    wake: Beta = Beta(mean=0.05, weight=20.0)
    limit: float = 0.25
    shock_limit: float = 2.5
    origins: tuple[str, ...] | None = None
    destinations: tuple[str, ...] | None = None
    budget_mb: float = 1000.0

    def build(self, panel: Panel) -> pm.Model:
        """Write the model of the flows (origin, destination, year; persons per five years) down in PyMC."""
        past = History.read(panel, self.method)
        periods = range(1, len(past.years))
        pairs = [past.pairs(period) for period in periods]
        knowns = [past.known(period).at(pair) for period, pair in zip(periods, pairs, strict=True)]
        known = _joined(knowns)
        flow = np.concatenate([past.flow[*pair, period] for period, pair in zip(periods, pairs, strict=True)])
        when = np.concatenate([np.full(len(pair[0]), at) for at, pair in enumerate(pairs)])
        there = np.argwhere((past.there[:, 1:] & past.there[:, :-1]).T)  # rows of (period, country)
        place = np.zeros((len(periods), len(past.countries)), dtype=int)
        place[tuple(there.T)] = np.arange(len(there))
        own = tuple(place[when, np.concatenate([pair[end] for pair in pairs])] for end in range(2))
        pilot, wide = _pilot(np.log1p(flow) - known.before, own, len(there))
        coords = {
            "size": SIZES,
            "tail_size": TAIL_SIZES,
            "direction": DIRECTIONS,
            "period": past.years[1:],
            "shocked": [f"{past.countries[country]} {past.years[period + 1]}" for period, country in there],
        }
        with pm.Model(coords=coords) as model:
            volatile = self.volatility.variable("volatility")
            # Of few periods, each with thousands of flows: their mean belongs to the scales, the rest is centred.
            moods = pm.ZeroSumNormal("mood", sigma=volatile, dims="period")
            shock_log_scale = self.shock_log_scale.variable("shock_log_scale", dims="direction")
            alike = pt.tanh(self.shock_alike.variable("shock_alike"))
            tails = self.shock_tails.variable("shock_tails")
            # In units of what the flows leave open about a pilot, so that the sampler starts near and steps evenly.
            deviate = pm.Flat("shock_z", dims=("direction", "shocked"))
            shocks: Any = pilot + wide * _stretched(deviate, wide, there[:, 0])
            scales: Any = pt.exp(shock_log_scale[:, None] + moods[there[:, 0]])
            widths: Any = pt.log(scales)
            pm.Potential("shocks", _shocks_logp(shocks / scales, alike, tails) - widths.sum())

            expected = _expected(
                known,
                self.persistence.variable("persistence"),
                self.disagreement.variable("disagreement"),
                self.own_weight.variable("own_weight"),
                self.response.variable("response"),
            )
            share = 1.0 - (1.0 - self.small.variable("small")) * _smallness(known)
            centre = expected + share * (shocks[0][own[0]] + shocks[1][own[1]])
            log_scale = pt.dot(hats(known.size, SIZES), self.log_scale.variable("log_scale", dims="size"))
            log_scale = log_scale + self.spread_scale.variable("spread_scale") * known.spread + moods[when]
            at_tails = hats(known.size, TAIL_SIZES)
            heavy = pt.exp(pt.dot(at_tails, self.log_tails.variable("log_tails", dims="tail_size")))
            skewed = pt.dot(at_tails, self.skew.variable("skew", dims="tail_size"))
            pm.Potential("flows", _flows_logp(flow, centre, log_scale, heavy, skewed))
        return model

    def simulate(self, sample: xr.Dataset, panel: Panel, until: int | str, rng: np.random.Generator) -> xr.DataArray:
        """Simulate the periods up to the one that starts in year `until`, draw by draw.

        Returns the flows in persons per five years (draw, origin, destination, year), float32, year being the first
        of a period; a country to itself has none.
        """
        past = History.read(panel, self.method)
        steps = _steps(until, past)
        here = np.flatnonzero(past.there[:, -1])
        countries = [past.countries[at] for at in here]
        out, into = (_places(wanted, countries) for wanted in (self.origins, self.destinations))
        count = sample.sizes["draw"]
        needed = 4.0 * count * len(out) * len(into) * steps / 1e6
        if needed > self.budget_mb:
            raise DrawsError(
                f"expected a forecast within the budget of {self.budget_mb:,.0f} MB, found {needed:,.0f} MB for "
                f"{count:,} draws of {len(out) * len(into):,} corridors; ask for fewer draws, for some corridors with "
                "of_corridors, or set budget_mb."
            )
        square = np.ix_(here, here)
        first = past.known(len(past.years)).at(square)
        asleep = ~past.seen[:, :, -1][square]
        most = np.log1p(self.limit * past.population[here, -1])[:, None]
        dormant, woken = past.wakened()
        rate = (
            self.wake.mean * self.wake.weight + len(woken),
            (1.0 - self.wake.mean) * self.wake.weight + dormant - len(woken),
        )
        sizes = np.log1p(woken) if len(woken) else np.array([np.log(2.0)])
        flows = np.empty((count, len(out), len(into), steps), dtype=np.float32)
        kept = np.ix_(out, into)
        for draw in range(count):
            values = {str(name): part.to_numpy() for name, part in sample.isel(draw=draw).data_vars.items()}
            known, sleeping = first, asleep
            for step in range(steps):
                logs = np.minimum(self._drawn(known, values, rng), most)
                wakes = sleeping & (rng.random(sleeping.shape) < rng.beta(*rate))
                logs = np.where(sleeping, np.where(wakes, rng.choice(sizes, sleeping.shape), 0.0), logs)
                np.fill_diagonal(logs, 0.0)
                persons = np.where(logs < NOTHING, 0.0, np.round(np.expm1(logs)))
                flows[draw, :, :, step] = persons[kept]
                sleeping = sleeping & ~wakes
                known = _after(known, np.log1p(persons))
        years = [past.years[-1] + past.step * (step + 1) for step in range(steps)]
        labels = {"origin": [countries[at] for at in out], "destination": [countries[at] for at in into], "year": years}
        return xr.DataArray(
            flows,
            dims=("draw", *labels),
            coords=labels,
            name=self.method,
            attrs={"units": panel[self.method].attrs["units"], "period_years": past.step},
        )

    def _drawn(self, known: Known, values: dict[str, Array], rng: np.random.Generator) -> Array:
        """Log flows of one draw in the next period (origin, destination), those that are awake."""
        countries = len(known.before)
        mood = values["volatility"] * rng.standard_normal()
        alike = np.tanh(values["shock_alike"])
        normal = rng.standard_normal((2, countries))
        normal[1] = alike * normal[0] + np.sqrt(1.0 - alike**2) * normal[1]
        wide = np.exp(values["shock_log_scale"] + mood)[:, None]
        heavy = np.sqrt(values["shock_tails"] / rng.chisquare(values["shock_tails"], countries))
        shocks = np.clip(wide * normal * heavy, -self.shock_limit, self.shock_limit)
        expected = _expected(
            known, values["persistence"], values["disagreement"], values["own_weight"], values["response"]
        )
        share = 1.0 - (1.0 - values["small"]) * _smallness(known)
        log_scale = along(known.size, SIZES, values["log_scale"]) + values["spread_scale"] * known.spread + mood
        tails = np.exp(along(known.size, TAIL_SIZES, values["log_tails"]))
        skew = along(known.size, TAIL_SIZES, values["skew"])
        error = np.sinh(tails * rng.standard_normal(known.before.shape) + skew) - np.sinh(skew)
        error /= tails * np.cosh(skew)
        return expected + share * (shocks[0][:, None] + shocks[1]) + np.exp(log_scale) * error


def of_corridors(
    posterior: Posterior[xr.DataArray],
    *,
    origins: tuple[str, ...] | None = None,
    destinations: tuple[str, ...] | None = None,
) -> Posterior[xr.DataArray]:
    """The same fit, to forecast some corridors alone: with the same seed, their part of the draws of all.

    Parameters
    ----------
    posterior : Posterior
        A fit of `Bilateral`.
    origins, destinations : tuple of str, optional
        ISO 3166-1 alpha-3; by default all.

    Returns
    -------
    Posterior

    Raises
    ------
    DrawsError
        If the posterior is another model's.

    Examples
    --------
    >>> from poblar.data import reference
    >>> from poblar.forecast import Diagnostics, Migration, Posterior
    >>> good = Diagnostics(rhat=1.0, ess_bulk=900.0, ess_tail=900.0, divergent=0.0, worst="tails")
    >>> figures = reference.region().tfr  # of any model, for its shape
    >>> fitted = Posterior(model=Bilateral(), panel=figures, parameters=figures.dataset, diagnostics=good, seed=1)
    >>> of_corridors(fitted, origins=("MEX",), destinations=("USA", "CAN")).model.destinations
    ('USA', 'CAN')
    """
    if not isinstance(posterior.model, Bilateral):
        raise DrawsError(f"expected a fit of Bilateral, found one of {type(posterior.model).__name__}; fit Bilateral.")
    return replace(posterior, model=replace(posterior.model, origins=origins, destinations=destinations))


def _expected(known: Known, persistence: Any, disagreement: Any, own_weight: Any, response: Any) -> Any:
    """Log flow expected before shocks; the parameters are numbers, or variables of PyMC."""
    centre = known.gravity + known.count / (known.count + own_weight) * (known.mean - known.gravity)
    carried = persistence / (1.0 + (disagreement * known.spread) ** 2)
    return centre + carried * (known.before - centre) + response * known.back


def _smallness(known: Known) -> Array:
    """One where there was no flow, falling to zero at a hundred persons."""
    return np.clip(1.0 - known.before / SMALL, 0.0, 1.0)


def _after(known: Known, logs: Array) -> Known:
    """What is known after one more period; stocks and disagreement stay as they were."""
    count = known.count + 1.0
    mean = known.mean + (logs - known.mean) / count
    return replace(known, before=logs, mean=mean, count=count, back=flow_back(logs))


def _joined(parts: list[Known]) -> Known:
    """Several periods' corridors in one row."""
    names = ("before", "mean", "count", "spread", "gravity", "back")
    return Known(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def _pilot(change: Array, own: tuple[NDArray[np.int64], ...], count: int) -> tuple[Array, Array]:
    """Shocks (direction, shocked) by which log flows changed, drawn towards zero, and the standard error of each."""
    weight = (PILOT_ERROR / PILOT_SHOCK) ** 2  # in corridors, of no shock
    number = np.stack([np.bincount(end, minlength=count) for end in own])
    found, change = np.zeros((2, count)), np.clip(change, -PILOT_MOST, PILOT_MOST)
    for _ in range(PILOT_ROUNDS):
        for this, other in ((0, 1), (1, 0)):
            left = np.bincount(own[this], change - found[other][own[other]], minlength=count)
            found[this] = left / (number[this] + weight)
    return found, PILOT_ERROR / np.sqrt(number + weight)


def _stretched(deviate: Any, wide: Array, period: NDArray[np.int64]) -> Any:
    """Deviates of shocks (direction, shocked), wide along what flows cannot tell: all outflows up, all inflows down.

    A shift of all shocks to outflows of a period, and its opposite of all to inflows, changes no flow. Only the shocks'
    own distribution holds it, far less than flows hold the rest.
    """
    _, row = np.unique(period, return_inverse=True)
    of_period = (row == np.arange(row.max() + 1)[:, None]).astype(float)
    along = np.array([[1.0], [-1.0]]) / wide
    norm = np.sqrt(of_period @ (along**2).sum(0))
    along = along / norm[row]
    loose = PILOT_SHOCK * norm / np.sqrt(of_period.sum(1))
    return deviate + along * pt.dot(of_period.T, (loose - 1.0) * pt.dot(of_period, (along * deviate).sum(0)))


def _shocks_logp(scaled: Any, alike: Any, tails: Any) -> Any:
    """Log density of pairs of scaled shocks (direction, pair), a bivariate t; constants left out."""
    square = (scaled[0] ** 2 - 2.0 * alike * scaled[0] * scaled[1] + scaled[1] ** 2) / (1.0 - alike**2)
    falls: Any = pt.log1p(square / tails)
    narrow: Any = pt.log1p(-(alike**2))
    return (-0.5 * (tails + 2.0) * falls - 0.5 * narrow).sum()


def _flows_logp(flow: Array, centre: Any, log_scale: Any, heavy: Any, skewed: Any) -> Any:
    """Log probability of whole persons: of none by the distribution, of others by the density times their width."""
    none, some = np.flatnonzero(flow == 0.0), np.flatnonzero(flow > 0.0)

    def bent(value: Array, at: NDArray[np.int64]) -> Any:
        scaled = (value - centre[at]) * pt.exp(-log_scale[at])
        return heavy[at] * pt.cosh(skewed[at]) * scaled + pt.sinh(skewed[at])

    below = (pt.arcsinh(bent(np.full(len(none), NOTHING), none)) - skewed[none]) / heavy[none]
    low, high = np.log(flow[some] + 0.5), np.log(flow[some] + 1.5)
    through = bent(0.5 * (low + high), some)
    normal = (pt.arcsinh(through) - skewed[some]) / heavy[some]
    density = -0.5 * (normal**2 + pt.log1p(through**2)) + pt.log(pt.cosh(skewed[some])) - log_scale[some]
    zeros: Any = pm.logcdf(pm.Normal.dist(0, 1), below)
    return zeros.sum() + (density + np.log(high - low)).sum()


def _steps(until: int | str, past: History) -> int:
    """Periods to simulate."""
    last = past.years[-1]
    whole = isinstance(until, int) and not isinstance(until, bool)
    if not isinstance(until, int) or not whole or until <= last or (until - last) % past.step:
        raise DrawsError(
            f"expected until= the first year of a period of {past.step} years after {last}, found {until!r}; ask for "
            f"until={last + past.step}."
        )
    return (until - last) // past.step


def _places(wanted: tuple[str, ...] | None, countries: list[str]) -> list[int]:
    """Places of the countries wanted; all by default."""
    absent = sorted(set(wanted or ()) - set(countries))
    if absent:
        raise DrawsError(
            f"expected countries with flows in the last period, found {', '.join(absent)}; choose among "
            f"{', '.join(countries)}."
        )
    return list(range(len(countries))) if wanted is None else [countries.index(country) for country in wanted]
