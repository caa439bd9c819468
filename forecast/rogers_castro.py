"""Model migration schedules: Rogers and Castro's curve with 7, 9, 11 or 13 parameters, for one sex and for both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..data import DataError
from ..data.axes import SEXES

__all__ = ["PUBLISHED", "MigrantAges", "ModelSchedule"]

Array = NDArray[np.float64]

OLDEST = 100
AGES = np.arange(OLDEST + 1)
STEEPEST = 50.0  # exp(-exp(50)) is zero already; larger exponents overflow
SHAPE = ("children_odds", "children_decline", "workers_decline", "workers_peak", "workers_rise", "constant_odds")
UPSLOPE = ("elderly_odds", "elderly_rise")
RETIRED = ("retired_odds", "retired_after", "retired_decline", "retired_rise")
FORMS = {7: SHAPE, 9: SHAPE + UPSLOPE, 11: SHAPE + RETIRED, 13: SHAPE + UPSLOPE + RETIRED}
"""Parameters of each form as a fit has them: without the total, and with odds to the labour force for levels."""


@dataclass(frozen=True, kw_only=True)
class ModelSchedule:
    r"""Migration by single year of age as a sum of the reasons for it at each stage of life.

    .. math:: m(x) = a_1 e^{-\alpha_1 x} + a_2 e^{-\alpha_2 (x - \mu_2) - e^{-\lambda_2 (x - \mu_2)}}
        + a_3 e^{-\alpha_3 (x - \mu_3) - e^{-\lambda_3 (x - \mu_3)}} + a_4 e^{\lambda_4 x} + c,

    children who go with their parents, the labour force, a peak at retirement, an upslope of the elderly, and a
    constant (Rogers & Castro 1981, eq. 1; with the upslope besides the peak, Rogers & Watkins 1987). Without the last
    two stages it has seven parameters; the upslope makes nine, the peak eleven, both thirteen. Age 100 is the open
    group, at which the curve is taken once.

    Parameters
    ----------
    children, children_decline : float
        a1, zero or more, and α1, per year of age.
    workers, workers_decline, workers_peak, workers_rise : float
        a2, α2 (per year), μ2 (years) and λ2 (per year). The curve is highest at ``μ2 + log(λ2 / α2) / λ2``.
    constant : float
        c.
    retired, retired_decline, retired_peak, retired_rise : float
        a3, α3, μ3 and λ3; the last three matter where a3 is above zero, and μ3 is then above μ2.
    elderly, elderly_rise : float
        a4 and λ4.

    Raises
    ------
    DataError
        If a level is negative, all are zero, a slope or an age is not above zero, or the peaks are in the wrong order.

    References
    ----------
    Rogers A., Castro L.J. (1981), Model migration schedules, IIASA Research Report RR-81-30.
    Rogers A., Watkins J. (1987), General versus elderly interstate migration, Research on Aging 9(4).

    Examples
    --------
    >>> standard = PUBLISHED["fundamental"]
    >>> standard.parameters, int(standard.shares().idxmax())
    (7, 23)
    >>> standard.shares([0, 15, 65]).round(3).to_numpy()
    array([0.197, 0.694, 0.109])
    """

    children: float
    children_decline: float
    workers: float
    workers_decline: float
    workers_peak: float
    workers_rise: float
    constant: float
    retired: float = 0.0
    retired_decline: float = 0.2
    retired_peak: float = 65.0
    retired_rise: float = 0.4
    elderly: float = 0.0
    elderly_rise: float = 0.05

    def __post_init__(self) -> None:
        levels = ("children", "workers", "constant", "retired", "elderly")
        for name in (field.name for field in fields(self)):
            value, level = getattr(self, name), name in levels
            if not np.isfinite(value) or value < 0 or (value == 0 and not level):
                raise DataError(
                    expected=f"{name} {'zero or more' if level else 'above zero'}",
                    found=f"{value:g}",
                    remedy="give slopes and levels as positive numbers, the signs are the formula's",
                )
        if not any(getattr(self, level) for level in levels):
            raise DataError(
                expected="a schedule of somebody", found="all levels zero", remedy="give one of them above zero"
            )
        if self.retired > 0 and self.retired_peak <= self.workers_peak:
            raise DataError(
                expected=f"a retirement peak after that of the labour force at {self.workers_peak:g}",
                found=f"retired_peak={self.retired_peak:g}",
                remedy="swap the two, or leave retired= out",
            )

    @property
    def parameters(self) -> int:
        """How many parameters the form has: 7, 9 (upslope), 11 (retirement peak) or 13 (both)."""
        return 7 + 2 * (self.elderly > 0) + 4 * (self.retired > 0)

    def rates(self) -> xr.DataArray:
        """The curve m(x) at ages 0 … 100, in the units of its levels; axis ``age``."""
        values = (
            self.children * np.exp(-self.children_decline * AGES)
            + self.workers * _hump(self.workers_decline, self.workers_peak, self.workers_rise)
            + self.retired * _hump(self.retired_decline, self.retired_peak, self.retired_rise)
            + self.elderly * np.exp(self.elderly_rise * AGES)
            + self.constant
        )
        return xr.DataArray(values, dims="age", coords={"age": AGES})

    def shares(self, ages: Sequence[int] | None = None, *, oldest: int = OLDEST) -> xr.DataArray:
        """Shares of the people between the first age and the last, by single year or in groups.

        Parameters
        ----------
        ages : sequence of int, optional
            Lower bounds of adjoining groups, ascending; without them single years 0 … 100. A group is the sum of its
            single years.
        oldest : int
            Last age of the last group; 100 for an open group.

        Returns
        -------
        xarray.DataArray
            Axis ``age``, sums to one.
        """
        bounds = check_ages(AGES if ages is None else np.asarray(ages), oldest)
        groups = np.add.reduceat(self.rates().to_numpy()[: oldest + 1], bounds)
        total = groups.sum()
        if not total > 0:
            raise DataError(
                expected=f"migrants of ages {bounds[0]} to {oldest}", found="none", remedy="ask for more ages"
            )
        return xr.DataArray(groups / total, dims="age", coords={"age": bounds}, attrs={"units": "share"})


def _hump(decline: float, peak: float, rise: float) -> Array:
    since = AGES - peak
    return np.exp(-decline * since - np.exp(np.minimum(-rise * since, STEEPEST)))


def check_ages(ages: NDArray[Any], oldest: int) -> NDArray[np.int64]:
    """Lower bounds of groups as integers, or a DataError."""
    whole = ages.ndim == 1 and len(ages) > 0 and np.issubdtype(ages.dtype, np.number) and bool((ages % 1 == 0).all())
    if not whole or (np.diff(ages) <= 0).any() or ages[0] < 0 or not ages[-1] <= oldest <= OLDEST:
        raise DataError(
            expected=f"lower bounds of age groups, whole years in ascending order from 0 to {oldest} at most",
            found=f"{ages.tolist()}",
            remedy="sort them, and say the last age of the last group by oldest=, 100 if it is open",
        )
    return ages.astype(np.int64)


@dataclass(frozen=True, kw_only=True)
class MigrantAges:
    """Ages and sexes of migrants of one kind: a schedule for each sex, and how many are women.

    Parameters
    ----------
    female, male : ModelSchedule
        Ages of each sex; their levels do not matter, only their shapes.
    female_share : float
        Share of women and girls, 0 to 1.
    youngest, oldest : int
        First and last completed age of these migrants; the schedules are cut off there.
    source : str
        Where the shape comes from, or that it is an assumption.

    Raises
    ------
    DataError
        If the share is not between 0 and 1 or the ages are not in order.

    Examples
    --------
    >>> standard = PUBLISHED["fundamental"]
    >>> workers = MigrantAges(female=standard, male=standard, female_share=0.4, youngest=16)
    >>> workers.shares.sizes["age"], round(float(workers.shares.sel(sex="female").sum()), 9)
    (101, 0.4)
    >>> float(workers.shares.sel(age=slice(0, 15)).sum())
    0.0
    """

    female: ModelSchedule
    male: ModelSchedule
    female_share: float
    youngest: int = 0
    oldest: int = OLDEST
    source: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.female_share <= 1:
            raise DataError(
                expected="a share of women between 0 and 1",
                found=f"{self.female_share:g}",
                remedy="divide percent by 100",
            )
        check_ages(np.array([self.youngest]), self.oldest)

    @property
    def shares(self) -> xr.DataArray:
        """Shares over ``sex`` and ``age`` 0 … 100 that sum to one, as `Migrants` takes them."""
        return self.grouped(AGES).assign_attrs(units="share")

    def grouped(self, ages: Sequence[int] | NDArray[np.int64]) -> xr.DataArray:
        """The same in age groups: lower bounds, ascending, the last one open; nobody may be younger than the first."""
        bounds = check_ages(np.asarray(ages), OLDEST)
        if bounds[0] > self.youngest:
            raise DataError(
                expected=f"groups from age {self.youngest} on, that of the youngest migrants",
                found=f"a first group from {bounds[0]} on",
                remedy="add a group before it",
            )
        weights = (self.female_share, 1.0 - self.female_share)
        single = np.zeros((2, len(AGES)))
        cut = np.arange(self.youngest, self.oldest + 1)
        for row, weight, schedule in zip(single, weights, (self.female, self.male), strict=True):
            row[cut] = weight * schedule.shares(cut.tolist(), oldest=self.oldest).to_numpy()
        return xr.DataArray(
            np.add.reduceat(single, bounds, axis=1),
            dims=("sex", "age"),
            coords={"sex": list(SEXES), "age": bounds},
            attrs={"units": "share"},
        )


def _seven(a1: float, alpha1: float, a2: float, alpha2: float, mu2: float, lambda2: float, c: float) -> ModelSchedule:
    return ModelSchedule(
        children=a1,
        children_decline=alpha1,
        workers=a2,
        workers_decline=alpha2,
        workers_peak=mu2,
        workers_rise=lambda2,
        constant=c,
    )


PUBLISHED = MappingProxyType(
    {
        "fundamental": _seven(0.02, 0.1, 0.06, 0.1, 20.0, 0.4, 0.003),
        "western male": _seven(0.0215, 0.105, 0.0694, 0.112, 20.04, 0.391, 0.0028),
        "western female": _seven(0.0233, 0.107, 0.0766, 0.1436, 20.632, 0.4003, 0.0036),
        "few children male": _seven(0.0128, 0.105, 0.0804, 0.112, 20.04, 0.391, 0.0028),
        "few children female": _seven(0.0149, 0.107, 0.0900, 0.1436, 20.632, 0.4003, 0.0036),
        "many children male": _seven(0.0303, 0.105, 0.0582, 0.112, 20.04, 0.391, 0.0028),
        "young workers male": _seven(0.0215, 0.105, 0.0691, 0.112, 16.09, 0.391, 0.0028),
        "young workers female": _seven(0.0233, 0.107, 0.0766, 0.1436, 17.132, 0.4003, 0.0036),
        "old workers male": _seven(0.0215, 0.105, 0.0691, 0.112, 23.99, 0.391, 0.0028),
        "old workers female": _seven(0.0233, 0.107, 0.0766, 0.1436, 24.132, 0.4003, 0.0036),
    }
)
"""Published schedules: "fundamental" is Rogers & Castro's (1981) simplified standard; the others are model schedules of
the United Nations (1992), Preparing migration data for subnational population projections, ST/ESA/SER.A/127, as
tabulated by Abel in the R package migest (there: Western standard, low and high dependency, young and old labour force
entry)."""


def curve(theta: Array, names: Sequence[str]) -> tuple[Array, Array]:
    """Shares by single year of age and their derivatives by the logs of the parameters.

    Parameters
    ----------
    theta : array, shape (parameters,)
        Logs of the parameters.
    names : sequence of str
        Which they are: those of a form in `FORMS`.

    Returns
    -------
    shares : array, shape (101,)
    slopes : array, shape (parameters, 101)

    Examples
    --------
    >>> shares, slopes = curve(np.log([0.35, 0.1, 0.1, 20.0, 0.4, 0.3]), FORMS[7])
    >>> round(float(shares.sum()), 9), slopes.shape
    (1.0, (6, 101))
    """
    at = dict(zip(names, np.exp(theta), strict=True))
    logs: list[tuple[str, Array, dict[str, Array]]] = [
        ("children_odds", -at["children_decline"] * AGES, {"children_decline": -at["children_decline"] * AGES}),
        ("", *_log_hump(at, "workers")),
        ("constant_odds", np.zeros(len(AGES)), {}),
    ]
    if "elderly_odds" in at:
        logs.append(("elderly_odds", at["elderly_rise"] * AGES, {"elderly_rise": at["elderly_rise"] * AGES}))
    if "retired_odds" in at:
        logs.append(("retired_odds", *_log_hump(at, "retired")))
    odds = np.array([at.get(name, 1.0) for name, _, _ in logs])
    shares, slopes = np.zeros(len(AGES)), dict.fromkeys(names, np.zeros(len(AGES)))
    parts = []
    for weight, (name, log, by) in zip(odds / odds.sum(), logs, strict=True):
        part = np.exp(log - log.max())
        part /= part.sum()
        shares += weight * part
        parts.append((weight, name, part))
        for parameter, slope in by.items():
            slopes[parameter] = slopes[parameter] + weight * part * (slope - part @ slope)
    for weight, name, part in parts:
        if name:
            slopes[name] = weight * (part - shares)
    return shares, np.stack([slopes[name] for name in names])


def _log_hump(at: dict[str, float], stage: str) -> tuple[Array, dict[str, Any]]:
    """Log of a peaked component, and its derivatives by the logs of its parameters."""
    decline, rise, peak = at[f"{stage}_decline"], at[f"{stage}_rise"], at["workers_peak"]
    moves = {"workers_peak": peak}
    if stage == "retired":
        moves["retired_after"] = at["retired_after"]
        peak += at["retired_after"]
    since = (AGES - peak).astype(np.float64)
    steep = -rise * since
    before = np.exp(np.minimum(steep, STEEPEST))
    grows = np.where(steep < STEEPEST, before, 0.0)
    by: dict[str, Any] = {f"{stage}_decline": -decline * since, f"{stage}_rise": rise * since * grows}
    return -decline * since - before, by | {name: (decline - rise * grows) * by_one for name, by_one in moves.items()}


def schedule_of(theta: Array, names: Sequence[str]) -> ModelSchedule:
    """The schedule of these logs of the parameters of a form; its rates sum to one."""
    at = dict(zip(names, np.exp(theta), strict=True))
    shape: dict[str, Any] = {name: float(value) for name, value in at.items() if not name.endswith(("odds", "after"))}
    stages = ("children", "constant", "retired", "elderly")
    one = dict.fromkeys((*stages, "workers"), 0.0)
    if "retired_after" in at:
        shape["retired_peak"] = float(at["workers_peak"] + at["retired_after"])
    odds = {"workers": 1.0} | {stage: float(at[f"{stage}_odds"]) for stage in stages if f"{stage}_odds" in at}
    total = sum(odds.values())
    # A component with a level of one has so many people; its level is what brings it to its share.
    sizes = {stage: float(ModelSchedule(**(shape | one | {stage: 1.0})).rates().sum()) for stage in odds}
    return ModelSchedule(**(shape | one | {stage: odds[stage] / total / sizes[stage] for stage in odds}))
