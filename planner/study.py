"""What the demo asks: one frozen value, easy to change."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Study"]


@dataclass(frozen=True, kw_only=True)
class Study:
    """The questions of a study of one country, and the assumptions behind its two plans.

    Parameters
    ----------
    country : str
        ISO 3166-1 alpha-3 code, with a ledger of asylum cases among the bundled figures.
    until : int
        Last year of the population forecasts.
    category, profile : str
        What those admitted are called, and their ages and sexes (a name in `poblar.forecast.PROFILES`).
    admit : (int, int)
        First and last year of admissions.
    admissions_at_most : float or None
        Most persons admitted in a year.
    change_at_most : float or None
        Largest change from one year to the next, as a share of the earlier year.
    growth : float
        Total growth to be kept, fraction per year.
    hold : (int, int)
        First and last year in which it is kept, all years together.
    growth_probability : float
        Probability asked for.
    start : str
        First month of the staffing plan.
    in_post : int
        Officers in post since the ledger's end and at the start.
    cost : float
        Cost of an officer in post for a year; assumed.
    currency : str
        Its unit.
    recruitment_lag, training : str
        From decision to first day, and from first day to first case decided.
    officers_at_most, hires_at_most : float or None
        Most officers in post, and most hired in a quarter.
    wait : str
        Longest wait of a new applicant.
    since : str
        First month of application for which it holds.
    wait_probability : float
        Probability asked for.
    horizon : str
        Last month of the queue's forecast.
    sampling_draws, sampling_tune : int
        Draws kept and spent on adaptation by each chain of each model's fit.
    accept_unconverged : bool
        Go on with a fit that fails the convergence gate, marked as such.

    Examples
    --------
    >>> Study().country, Study(wait="3 months").wait
    ('MEX', '3 months')
    """

    country: str = "MEX"
    until: int = 2070
    category: str = "workers"
    profile: str = "worker"
    admit: tuple[int, int] = (2027, 2050)
    admissions_at_most: float | None = None
    change_at_most: float | None = 0.10
    growth: float = 0.0
    hold: tuple[int, int] = (2035, 2050)
    growth_probability: float = 0.9
    start: str = "2027-01"
    in_post: int = 140
    cost: float = 24_000.0
    currency: str = "USD"
    recruitment_lag: str = "4 months"
    training: str = "6 months"
    officers_at_most: float | None = None
    hires_at_most: float | None = 600.0
    wait: str = "6 months"
    since: str = "2031-01"
    wait_probability: float = 0.9
    horizon: str = "2034-12"
    sampling_draws: int = 1000
    sampling_tune: int = 1000
    accept_unconverged: bool = False
