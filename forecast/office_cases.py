"""Cases that come to offices of several kinds: how demand moves between them, and how much comes in all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ..data import DataError, Panel
from ._spread import uncertain_spread
from .errors import DrawsError

__all__ = ["OfficeCases"]

Array = NDArray[np.float64]

YEAR: Final = 12
SEEN: Final = 24
"""Months that it takes to learn how demand moves."""

_CELLS: Final = 50_000_000  # of draws, offices and months: 0.4 GB in one array, of which there are several


@dataclass(frozen=True, kw_only=True)
class OfficeCases:
    r"""How the demand for what offices do moves between them.

    The share of office i, of kind k, is proportional to :math:`p_i e^{d_{kt} + u_{it}}`: from the shares :math:`p` of
    the year before, kinds drift apart (:math:`d`, a random walk of `apart` in a year) and each office wanders about
    its kind (:math:`u`, a first-order autoregression of spread `own` that keeps a part from month to month, `kept`).
    Both change who comes where, not how many come in all. Within a month cases come by chance (Poisson). There are no
    seasons.

    Parameters
    ----------
    apart : float
        By how much the kinds drift apart in a year, log points.
    own : float
        How far an office wanders about its kind, log points.
    kept : (float, float)
        Least and greatest part of that which an office keeps from one month to the next; each has its own.

    Raises
    ------
    DrawsError
        If a spread is negative, or a part is not below one.

    Examples
    --------
    >>> OfficeCases(apart=0.3, own=0.5)
    OfficeCases(apart=0.3, own=0.5, kept=(0.8, 0.95))
    """

    apart: float = 0.15
    own: float = 0.25
    kept: tuple[float, float] = (0.8, 0.95)

    def __post_init__(self) -> None:
        if not (0 <= self.apart < 3 and 0 <= self.own < 3 and 0 <= self.kept[0] <= self.kept[1] < 1):
            raise DrawsError(
                f"expected spreads from 0 to below 3 and parts kept from 0 to below 1, the least first, found "
                f"apart={self.apart:g}, own={self.own:g} and kept={self.kept}; change them."
            )

    @classmethod
    def learn(cls, panel: Panel) -> Self:
        r"""How demand has moved between offices, from their cases by month.

        Changes over a month and over twelve, of the logarithm of cases within a kind, have the variances
        :math:`2u^2(1-\rho) + c` and :math:`2u^2(1-\rho^{12}) + c`, with c that of counting; their ratio gives the part
        kept, the level the spread. Changes of the kinds' means over twelve months, less what offices and counting put
        into them, give the drift.

        Parameters
        ----------
        panel : Panel
            ``cases`` over office and month with the coordinate ``kind``, 24 months or more, as
            `poblar.data.office_cases.read_office_cases` reads them.

        Returns
        -------
        OfficeCases

        Raises
        ------
        DataError
            If the panel has fewer months, or no kind has two offices.

        Notes
        -----
        Where the parameters are known, from 36 months of 50 offices with about a hundred cases a month in the smallest,
        0.14 (80 % of samples: 0.09 to 0.20) was found for 0.15 between kinds, 0.23 (0.21 to 0.26) for 0.25 about them.

        Examples
        --------
        >>> import numpy as np, pandas as pd
        >>> from poblar.data import Panel
        >>> rng, months = np.random.default_rng(1), pd.date_range("2024-01", periods=36, freq="MS")
        >>> rows = pd.DataFrame({"office": np.repeat(list("ABCD"), 36), "month": np.tile(months, 4),
        ...                      "cases": rng.poisson(500.0, 144)})
        >>> about = {"source": "example", "licence": "none", "revision": "1", "retrieved": "2026-11-29"}
        >>> panel = Panel.from_frame(rows, dims=["office", "month"], units={"cases": "cases per month"},
        ...                          provenance=about)
        >>> kinds = panel.dataset.assign_coords(kind=("office", ["border", "border", "emerging", "emerging"]))
        >>> bool(OfficeCases.learn(Panel(kinds)).own < 0.03)  # nothing but chance
        True
        """
        names, of = _kinds(panel)
        cases = panel["cases"]
        if "month" not in cases.dims or cases.sizes["month"] < SEEN:
            raise DataError(
                expected=f"cases by month, of {SEEN} months or more",
                found=f"{cases.sizes.get('month', 0)} months",
                remedy="add months, or state how demand moves: OfficeCases(apart=…, own=…)",
            )
        size = np.bincount(of)
        if len(of) == len(names):
            raise DataError(
                expected="a kind with two offices or more",
                found=f"{len(of)} offices of {len(names)} kinds",
                remedy="group them into fewer kinds",
            )
        counted = cases.transpose("office", "month").to_numpy().astype(float)

        def changes(lag: int) -> tuple[float, float]:
            change = np.log((counted[:, lag:] + 0.5) / (counted[:, :-lag] + 0.5))
            mean = np.stack([change[of == kind].mean(axis=0) for kind in range(len(names))])
            within = ((change - mean[of]) ** 2).sum() / change.shape[1] / (len(of) - len(names))
            between = mean.var(axis=0, ddof=1).mean() if len(names) > 1 else 0.0
            return float(within), float(between - within * (1.0 / size).mean())

        (month, _), (year, between) = changes(1), changes(YEAR)
        counting = 2.0 * float((1.0 / (counted + 0.5)).mean())
        month, year = max(month - counting, 1e-9), max(year - counting, 1e-9)
        grid = np.linspace(0.01, 0.99, 99)
        keep = float(np.interp(year / month, (1.0 - grid**YEAR) / (1.0 - grid), grid))
        own = float(np.sqrt(year / 2.0 / (1.0 - keep**YEAR)))
        return cls(apart=float(np.sqrt(max(between, 0.0))), own=own, kept=(keep, keep))

    def forecast(
        self,
        panel: Panel,
        *,
        months: int = 36,
        start: str | None = None,
        totals: Sequence[float] = (),
        draws: int = 400,
        seed: int,
    ) -> xr.DataArray:
        r"""Draws of the cases of each office and month to come.

        As many as in the last year are expected in all. With `totals` of past years each year has a level for all
        offices besides, which says nothing about the next year's: the spread of its logarithm is half-normal with 0.5,
        updated with those totals, and no level is further from the middle one than the totals are apart.

        Parameters
        ----------
        panel : Panel
            ``cases`` over office with the coordinate ``kind``, of a year or of twelve months or more.
        months : int
            How many to forecast, whole years.
        start : str, optional
            First of them, such as "2027-01"; needed where the panel has no months, else the one after its last.
        totals : sequence of float
            Cases of past years in all, two or more; without them the total is as expected.
        draws : int
            Number of draws.
        seed : int
            Seed of the draws.

        Returns
        -------
        xarray.DataArray
            Cases per month over draw, office and month, with the coordinate ``kind``.

        Raises
        ------
        DataError
            If the panel is of less than a year.
        DrawsError
            If months are no whole years, there is no start, totals are not above zero, or the draws are too many.

        Examples
        --------
        >>> from pathlib import Path
        >>> from poblar.data.office_cases import read_office_cases
        >>> _ = Path("offices.csv").write_text("office,cases\nEl Paso,4200\nFresno,1200\n")
        >>> cases = OfficeCases().forecast(read_office_cases("offices.csv"), start="2027-01", seed=1)
        >>> cases.sizes, float(cases.sum(["office", "month"]).mean().round(-2))  # 5,400 in each of three years
        (Frozen({'draw': 400, 'office': 2, 'month': 36}), 16200.0)
        """
        names, of = _kinds(panel)
        year, first = _last_year(panel), _start(panel, start)
        past = np.asarray(totals, dtype=float)
        if months < YEAR or months % YEAR:
            raise DrawsError(f"expected months= whole years, 12, 24, 36 …, found {months}; change it.")
        if len(past) == 1 or not (np.isfinite(past) & (past > 0)).all():
            raise DrawsError(f"expected totals= of two years or more, above zero, found {list(totals)}; change them.")
        if draws < 1 or draws * len(of) * months > _CELLS:
            raise DrawsError(
                f"expected from one to {_CELLS:,} draws by offices by months, found {draws:,} by {len(of):,} by "
                f"{months}; ask for fewer draws or years, or join small offices."
            )
        rng, years = np.random.default_rng(seed), months // YEAR
        logs = np.log(past) if len(past) else np.zeros(1)
        spread = uncertain_spread(float(((logs - logs.mean()) ** 2).sum()), len(logs) - 1, (draws, 1), rng)
        far = np.ptp(logs)
        level = np.exp(np.clip(spread * rng.standard_normal((draws, years)), -far, far))
        total = year.sum() / YEAR * np.repeat(level / level.mean(), YEAR, axis=1)
        drift = self.apart / np.sqrt(YEAR) * rng.standard_normal((draws, len(names), months)).cumsum(axis=2)
        keep = rng.uniform(*self.kept, (draws, len(of)))
        local = self.own * np.sqrt(1.0 - keep**2)[..., None] * rng.standard_normal((draws, len(of), months))
        for month in range(1, months):
            local[..., month] += keep * local[..., month - 1]
        part = (year / year.sum())[:, None] * np.exp(drift[:, of] + local)
        cases = rng.poisson(total[:, None] * part / part.sum(axis=1, keepdims=True))
        return xr.DataArray(
            cases.astype(float),
            dims=("draw", "office", "month"),
            coords={
                "draw": np.arange(draws),
                "office": panel["office"].to_numpy(),
                "month": pd.date_range(first, periods=months, freq="MS"),
                "kind": ("office", [str(names[kind]) for kind in of]),
            },
            name="cases",
            attrs={"units": "cases per month", "model": "office cases", "seed": seed},
        )


def _kinds(panel: Panel) -> tuple[NDArray[np.str_], NDArray[np.intp]]:
    """Names of the kinds, and the kind of each office."""
    if "cases" not in panel.names or "kind" not in panel.dataset.coords:
        raise DataError(
            expected="cases over office with the coordinate kind",
            found=repr(panel),
            remedy="read them with poblar.data.office_cases.read_office_cases",
        )
    names, of = np.unique(panel["kind"].to_numpy().astype(str), return_inverse=True)
    return names, of


def _last_year(panel: Panel) -> Array:
    """Cases of each office in the last year."""
    cases = panel["cases"]
    if "month" not in cases.dims:
        return cases.to_numpy().astype(float)
    if cases.sizes["month"] < YEAR:
        raise DataError(
            expected="cases of twelve months or more",
            found=f"{cases.sizes['month']} months",
            remedy="add months, or give a year's cases without a column month",
        )
    return cases.isel(month=slice(-YEAR, None)).sum("month").to_numpy().astype(float)


def _start(panel: Panel, start: str | None) -> pd.Timestamp:
    if start is None and "month" in panel["cases"].dims:
        return pd.Timestamp(panel["month"].to_numpy()[-1]) + pd.DateOffset(months=1)
    try:
        return pd.Timestamp(f"{start}-01")
    except ValueError:
        raise DrawsError(f"expected start= a month such as '2027-01', found {start!r}; say when it begins.") from None
