"""Ledgers of asylum cases: what was waiting, came in, left and waits now, by office, stage and period.

A ledger is a tidy table with a row for each office, stage, origin and period:

.. math::
    \\text{pending} = \\text{opening} + \\text{received} + \\text{transferred}
        - (\\text{recognized} + \\text{rejected} + \\text{withdrawn} + \\text{closed}) + \\text{adjustment}

The administrative adjustment is what the published figures leave open: re-registrations, revised stocks, appeals in a
stock whose decisions are those of first instance. It is computed and kept in the table, never hidden in another column.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from scipy.stats import CensoredData

from ._checks import shown
from ._table import numbers
from .errors import DataError
from .panel import Panel

__all__ = ["OUTCOMES", "asylum_ledger", "case_ledger", "case_panel", "waiting_times"]

OUTCOMES: Final = ("recognized", "rejected", "withdrawn", "closed")
"""How a case leaves a ledger: protection granted, refused, withdrawn by the applicant, closed administratively."""

UNITS: Final = ("persons", "cases")
_KEYS: Final = ("office", "stage", "origin", "period")
_FLOWS: Final = ("received", *OUTCOMES)
_YOUNG: Final = "pending_under_6_months"


def case_ledger(
    frame: pd.DataFrame,
    *,
    months: int,
    unit: str,
    stage: str = "first instance",
    adjusted: str | None = None,
    missing: str | None = None,
    file: str | Path | None = None,
) -> pd.DataFrame:
    """Check a ledger of cases, and complete it with what was waiting before each period and what does not add up.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns office, period (first day of each), received, pending (at the end of the period), and any of
        recognized, rejected, withdrawn, closed, transferred (net, into the office), stage, origin, definition and
        pending_under_6_months. An outcome without a column did not occur; an empty cell is unknown.
    months : int
        Length of the periods: 1, 3 or 12.
    unit : str
        "persons" or "cases"; the two never mix.
    stage : str
        Stage of the procedure, where the table does not say.
    adjusted : str, optional
        Why the figures need not add up. Without a reason, a row that does not is refused.
    missing : str, optional
        Why figures or periods are missing. Without a reason they are refused.
    file : str or Path, optional
        File that messages name.

    Returns
    -------
    pandas.DataFrame
        Columns office, stage, origin, period, months, definition ("first instance, persons, end of period"), opening,
        received, recognized, rejected, withdrawn, closed, transferred, adjustment, pending, and
        pending_under_6_months where it was given. The first opening of an office is unknown, and with it the first
        adjustment.

    Raises
    ------
    DataError
        On an unknown unit, a negative figure, a row twice, two definitions or units of an office, a gap without
        reason, transfers that do not sum to zero over the offices, more decided than there was, or a row that does
        not add up and has no reason.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"office": "A", "period": pd.to_datetime(["2020-01-01", "2021-01-01"]),
    ...                       "received": [90, 100], "recognized": [10, 30], "rejected": [20, 40], "pending": [60, 95]})
    >>> ledger = case_ledger(frame, months=12, unit="persons", adjusted="stocks were revised")
    >>> ledger["definition"].iloc[1], *ledger[["opening", "adjustment"]].iloc[1].tolist()
    ('first instance, persons, end of period', 60.0, 5.0)
    """
    if unit not in UNITS or months not in (1, 3, 12):
        raise DataError(
            expected="unit 'persons' or 'cases', and periods of 1, 3 or 12 months",
            found=f"{unit!r} and {months!r}",
            remedy="name the unit that the source counts: they must not be mixed",
        )
    absent = [name for name in ("office", "period", "received", "pending") if name not in frame]
    if absent:
        raise DataError(
            expected=f"the column {absent[0]!r}",
            found=shown(frame.columns),
            remedy="rename or add the column",
            file=file,
        )
    table = frame.assign(period=pd.to_datetime(frame["period"]), months=months)
    for name, default in {"stage": stage, "origin": "all"}.items():
        if name not in table:
            table[name] = default
    if "definition" not in table:
        table["definition"] = table["stage"] + f", {unit}, end of period"
    given = [name for name in (*_FLOWS, "transferred", "pending", _YOUNG) if name in table]
    for name in given:
        table[name] = numbers(table[name], file, allow_missing=True)
    for name in (*OUTCOMES, "transferred"):
        if name not in table:
            table[name] = 0.0
    table = table.sort_values(list(_KEYS))
    table["opening"] = table.groupby(list(_KEYS[:3]))["pending"].shift()
    left = table[list(OUTCOMES)].sum(axis=1, skipna=False)
    there = table["opening"] + table["received"] + table["transferred"]
    table["adjustment"] = table["pending"] - (there - left)
    _check(table, unit, left > there, adjusted, missing, file)
    columns = [*_KEYS, "months", "definition", "opening", *_FLOWS, "transferred", "adjustment", "pending"]
    result = table[columns + ([_YOUNG] if _YOUNG in table else [])].reset_index(drop=True)
    result.attrs |= {"unit": unit, "adjusted": adjusted, "missing": missing}
    return result


def asylum_ledger(asylum: Panel) -> pd.DataFrame:
    """Ledgers of a region's asylum systems, each country an office, by year.

    Parameters
    ----------
    asylum : Panel
        ``applications``, ``recognized``, ``rejected``, ``closed`` and ``pending`` over country and year, persons, as
        in `poblar.data.region.Region`.

    Returns
    -------
    pandas.DataFrame
        As from `case_ledger`. Stocks and flows are published apart and need not add up; what they leave open is in
        ``adjustment``. Years without figures stay empty.

    Raises
    ------
    DataError
        On all that `case_ledger` refuses.

    Examples
    --------
    >>> from poblar.data import reference
    >>> ledger = asylum_ledger(reference.region().asylum.sel(country="MEX"))
    >>> ledger.set_index("period").loc["2022", ["received", "adjustment", "pending"]].values.tolist()
    [[118735.0, 14.0, 210609.0]]
    """
    table = asylum.to_frame().rename(columns={"country": "office", "applications": "received"})
    table["period"] = pd.to_datetime(table["year"].astype(str) + "-01-01")
    table["definition"] = table["office"].map(asylum["definition"].to_series())
    given = ["recognized", "rejected", "closed", "pending"]
    missing = {str(asylum[name].attrs.get("missing_reason", "")) for name in ("applications", *given)} - {""}
    return case_ledger(
        table[["office", "period", "definition", "received", *given]],
        months=12,
        unit="persons",
        adjusted="stocks and flows are published apart",
        missing="; ".join(sorted(missing)) or None,
    )


def case_panel(ledger: pd.DataFrame, provenance: Mapping[str, str]) -> Panel:
    """Panel of a ledger of one stage: ``received``, ``decided`` and ``pending`` over office and month.

    Figures stand at the last month of their period, with the number of months they cover in ``span``. All that leave a
    ledger are decided here, whatever the outcome; origins are summed.

    Parameters
    ----------
    ledger : pandas.DataFrame
        From `case_ledger`.
    provenance : mapping
        ``source``, ``licence``, ``revision``, ``retrieved``.

    Returns
    -------
    Panel
        With ``pending_under_6_months`` where the ledger has it; the coordinate ``definition`` (office) says what is
        counted.

    Raises
    ------
    DataError
        If the ledger has several stages, units or lengths of period, or a row that was changed since it was made, and
        all that `Panel` refuses.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"office": "A", "period": pd.to_datetime(["2020-01-01", "2021-01-01"]),
    ...                       "received": [90, 100], "rejected": [30, 70], "pending": [60, 90]})
    >>> about = {"source": "example", "licence": "none", "revision": "1", "retrieved": "2026-11-28"}
    >>> panel = case_panel(case_ledger(frame, months=12, unit="persons"), about)
    >>> panel["decided"].sel(office="A", month="2021-12-01").item()
    70.0
    """
    for name in ("stage", "months"):
        if len(ledger[name].unique()) != 1:
            raise DataError(
                expected=f"a ledger of one {name.rstrip('s')}",
                found=shown(ledger[name].unique()),
                remedy="make a panel of each",
            )
    unit, span = str(ledger.attrs["unit"]), int(ledger["months"].iloc[0])
    table = ledger.assign(decided=ledger[list(OUTCOMES)].sum(axis=1, skipna=False))
    came = table[["opening", "received", "transferred", "adjustment"]].sum(axis=1, skipna=False)
    changed = (came - table["decided"] - table["pending"]).abs() > 0.5
    if changed.any():
        row = table[changed].iloc[0]
        raise DataError(
            expected="rows that add up with the adjustment that case_ledger found",
            found="one that was changed since",
            remedy="change the figures first, then make the ledger of them",
            row=f"{row['office']}, {row['stage']}, {row['period']:%Y-%m}",
        )
    names = ["received", "decided", "pending"] + ([_YOUNG] if _YOUNG in table else [])
    cells = table.groupby(["office", "period"])[names].agg(lambda part: part.sum(skipna=False))
    cells = cells.reset_index()
    cells["month"] = cells.pop("period") + pd.DateOffset(months=span - 1)
    first = cells["month"].min() - pd.DateOffset(months=span - 1)
    months = pd.date_range(first, cells["month"].max(), freq="MS")
    index = pd.MultiIndex.from_product([pd.unique(cells["office"]), months], names=["office", "month"])
    cells = cells.set_index(["office", "month"]).reindex(index).reset_index().assign(span=span)
    reason = ledger.attrs["missing"] or "counted over a longer period"
    panel = Panel.from_frame(
        cells,
        dims=["office", "month"],
        units=dict.fromkeys(names, unit) | {"span": "months"},
        provenance=provenance,
        missing=dict.fromkeys(names, reason),
    )
    definition = table.groupby("office")["definition"].first().reindex(panel.dataset.indexes["office"])
    return Panel(panel.dataset.assign_coords(definition=("office", definition.to_numpy(dtype=object))))


def waiting_times(cases: pd.DataFrame, *, until: str | pd.Timestamp, file: str | Path | None = None) -> CensoredData:
    """Days from arrival to decision of single cases, those still waiting censored at the date the list was drawn up.

    Parameters
    ----------
    cases : pandas.DataFrame
        Columns arrived and decided (dates), decided empty while a case waits.
    until : str or pandas.Timestamp
        Date of the list.
    file : str or Path, optional
        File that messages name.

    Returns
    -------
    scipy.stats.CensoredData
        For `scipy.stats.ecdf`, whose survival function is the share still waiting (Kaplan & Meier 1958).

    Raises
    ------
    DataError
        On a case without arrival, a decision before its arrival, or a date after the list was drawn up.

    Examples
    --------
    >>> import pandas as pd
    >>> from scipy.stats import ecdf
    >>> cases = pd.DataFrame({"arrived": ["2020-01-01", "2020-01-01"], "decided": ["2020-01-31", None]})
    >>> ecdf(waiting_times(cases, until="2020-03-01")).sf.probabilities.tolist()
    [0.5, 0.5]
    """
    drawn_up = pd.Timestamp(until)
    arrived, decided = (pd.to_datetime(cases[name]) for name in ("arrived", "decided"))
    last = decided.fillna(drawn_up)
    for wrong, expected, found, remedy in (
        (arrived.isna(), "a date of arrival", "none", "add it, or leave the case out"),
        (last < arrived, "a decision on or after the arrival", "one before it", "correct one of the dates"),
        ((last > drawn_up) | (arrived > drawn_up), f"dates to {drawn_up:%Y-%m-%d}", "a later one", "correct until"),
    ):
        if wrong.any():
            raise DataError(
                expected=expected, found=found, remedy=remedy, file=file, row=str(cases.index[wrong.to_numpy()][0])
            )
    days = (last - arrived).dt.days.to_numpy(dtype=float)
    return CensoredData.right_censored(days, decided.isna().to_numpy())


def _check(
    table: pd.DataFrame,
    unit: str,
    too_many: pd.Series,
    adjusted: str | None,
    missing: str | None,
    file: str | Path | None,
) -> None:
    """Refuse what is no ledger."""

    def refuse(wrong: pd.Series, expected: str, found: str, remedy: str) -> None:
        if wrong.any():
            row = table[wrong].iloc[0]
            place = f"{row['office']}, {row['stage']}, {row['period']:%Y-%m}"
            raise DataError(expected=expected, found=found, remedy=remedy, file=file, row=place)

    counts = [name for name in (*_FLOWS, "pending", _YOUNG) if name in table]
    refuse((table[counts] < 0).any(axis=1), f"{unit} of zero or more", "a negative figure", "correct it")
    refuse(table.duplicated(list(_KEYS)), "a row for each office, stage, origin and period", "two", "drop one of them")
    several = table.groupby(["office", "stage"])["definition"].transform("nunique") > 1
    refuse(several, "one definition of an office's figures", "several", "make an office of each, and name it")
    other = table["definition"].str.contains(next(name for name in UNITS if name != unit), regex=False)
    refuse(other, f"figures in {unit}", "a definition in the other unit", "read each unit by itself")
    if _YOUNG in table:
        refuse(table[_YOUNG] > table["pending"], "no more waiting under 6 months than in all", "more", "correct one")
    moved = table.groupby(["stage", "origin", "period"])["transferred"].transform("sum").abs()
    refuse(moved > 0.5, "transfers that sum to zero over the offices", "a sum that is not", "add the other office")
    whole = table["period"].dt.year * 12 + table["period"].dt.month
    gap = whole.groupby([table[name] for name in _KEYS[:3]]).diff()
    refuse(table["period"].dt.day != 1, "periods by their first day", "another day", "write 2020-01-01")
    refuse(gap % table["months"] > 0, "periods that begin a whole number of periods apart", "another", "correct months")
    if missing is None:
        empty = table[counts].isna().any(axis=1)
        refuse(empty | (gap > table["months"]), "every figure of every period", "none", "say why: missing='…'")
    else:
        table.loc[gap > table["months"], ["opening", "adjustment"]] = np.nan
    if adjusted is None:
        remedy = "correct the row, or say why and keep the difference: adjusted='…'"
        refuse(too_many, "no more decided than waited and came", "more", remedy)
        amount = table["adjustment"].abs()
        refuse(amount > 0.5, "opening and received less decided to be pending", f"{amount.max():g} off", remedy)
