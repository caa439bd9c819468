"""Returns by period and the minors who come along: bands, ages, and what would have been said of the last period."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import pandas as pd

from ..data import Panel
from ..forecast import CATEGORIES, bands, forecast_returns

__all__ = ["WHO", "Returns", "ahead"]

WHO: Final = {"returned": "Returned", "minors": "Minors who came along"}
"""Titles of the two."""

_CATEGORY: Final = {"returned": "returning", "minors": "returning minor"}
_AGES: Final = (0, 6, 12, 18, 30, 45, 65)


@dataclass(frozen=True, kw_only=True)
class Returns:
    """What is said of returns.

    Parameters
    ----------
    bands : pandas.DataFrame
        Who, period, units, median and 50, 80 and 95 %.
    ages : pandas.DataFrame
        Persons of the first period to come by age, at the median; ``attrs["period"]`` names it.
    held_out : tuple of str
        What the periods before it would have said of the last; empty where they are less than two.

    Examples
    --------
    >>> [field for field in Returns.__dataclass_fields__]
    ['bands', 'ages', 'held_out']
    """

    bands: pd.DataFrame
    ages: pd.DataFrame
    held_out: tuple[str, ...]


def ahead(panel: Panel, *, until: int, spread: float, draws: int, seed: int) -> Returns:
    """Forecast a panel of returns, and hold its last period against the ones before.

    Parameters
    ----------
    panel : Panel
        From `poblar.data.returns.read_returns` or `poblar.data.reference.returns`.
    until, spread, draws, seed
        As `poblar.forecast.forecast_returns` takes them.

    Returns
    -------
    Returns

    Raises
    ------
    DrawsError
        As `poblar.forecast.forecast_returns`.

    Examples
    --------
    >>> from poblar.data import reference
    >>> found = ahead(reference.returns(), until=2030, spread=0.5, draws=2000, seed=1)
    >>> found.bands["period"].tolist(), found.ages.attrs["period"]
    (['2020-25', '2025-30', '2020-25', '2025-30'], '2020-25')
    """
    found = forecast_returns(panel, until=until, spread=spread, draws=draws, seed=seed)
    step, last = int(found.attrs["year_step"]), int(panel["year"][-1])
    parts = [bands(found[name]).assign(who=name) for name in panel.names]
    table = pd.concat(parts, ignore_index=True)
    table["period"] = [_period(year, step) for year in table.pop("year")]
    ages = pd.DataFrame({"ages": [*(f"{low}-{high - 1}" for low, high in pairwise(_AGES)), f"{_AGES[-1]} and over"]})
    for name in panel.names:
        shares = CATEGORIES[_CATEGORY[name]].grouped(list(_AGES)).sum("sex").to_numpy()
        ages[name] = float(found[name].isel(year=0).median("draw")) * shares
    ages.attrs["period"] = _period(last + step, step)
    held = []
    if panel.sizes["year"] > 2:
        before = panel.sel(year=slice(None, last - 1))
        said = forecast_returns(before, until=last + step, spread=spread, draws=draws, seed=seed).squeeze("year")
        for name in panel.names:
            low, middle, high = said[name].quantile([0.1, 0.5, 0.9], "draw").to_numpy()
            held.append(
                f"{WHO[name]} in {_period(last, step)}: the periods before would have said {middle:,.0f} (80 %: "
                f"{low:,.0f} to {high:,.0f}), {float(panel[name][-1]):,.0f} were counted."
            )
    names = ["who", "period"]
    return Returns(bands=table[names + [name for name in table if name not in names]], ages=ages, held_out=tuple(held))


def _period(first: int, step: int) -> str:
    return f"{first}-{(first + step) % 100:02d}" if step > 1 else str(first)
