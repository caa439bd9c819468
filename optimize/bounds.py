"""Scenario bounds: what a plan that holds in every draw it saw promises of those that it has not seen.

The least costly plan of a convex program that holds in all of N independent draws rests on at most as many of them as
it has decisions. What it breaks of the distribution has therefore a law that the binomial tail bounds, whatever the
distribution and the program (Campi & Garatti 2008).
"""

from __future__ import annotations

from scipy.stats import beta, binom

from .errors import GoalError

__all__ = ["scenario_draws", "scenario_probability"]


def scenario_draws(decisions: int, probability: float, confidence: float = 0.99) -> int:
    r"""Draws that a plan has to hold in, every one, so that it holds with a probability, with a stated confidence.

    The least N for which the bound on the chance to break more than :math:`\varepsilon = 1 - p` is small enough,

    .. math:: \sum_{i=0}^{d-1} \binom{N}{i} \varepsilon^i (1-\varepsilon)^{N-i} \le 1 - \text{confidence}.

    No bound that holds for every convex program is smaller: there are programs that reach it. It wants draws that are
    independent, and decisions that are not in whole numbers.

    Parameters
    ----------
    decisions : int
        Numbers that the plan decides, d.
    probability : float
        With which the plan is to hold, p; above 0 and below 1.
    confidence : float
        Probability, over the draws, that the plan does; above 0 and below 1.

    Returns
    -------
    int
        Number of draws, N.

    Raises
    ------
    GoalError
        If there is nothing to decide, or a probability is not between 0 and 1.

    References
    ----------
    Campi, M. C. & Garatti, S. (2008). The exact feasibility of randomized solutions of uncertain convex programs.
    SIAM Journal on Optimization 19(3), 1211-1230.

    Examples
    --------
    >>> scenario_draws(1, 0.95, confidence=0.95)  # log 0.05 / log 0.95 = 58.4
    59
    >>> scenario_draws(40, 0.9)
    553
    """
    _check_decisions(decisions)
    _check_share("probability", probability)
    _check_share("confidence", confidence)

    def are_enough(draws: int) -> bool:
        return bool(binom.cdf(decisions - 1, draws, 1.0 - probability) <= 1.0 - confidence)

    few = decisions - 1  # so few can all be broken, for sure
    many = 2 * decisions
    while not are_enough(many):
        few, many = many, 2 * many
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if are_enough(middle) else (middle, many)
    return many


def scenario_probability(decisions: int, draws: int, confidence: float = 0.99) -> float:
    r"""Probability with which a plan that holds in all of some draws holds at least, with a stated confidence.

    The binomial tail of `scenario_draws`, turned round: the quantile at :math:`1 - \text{confidence}` of

    .. math:: p \sim \mathrm{Beta}(N - d + 1,\; d).

    Parameters
    ----------
    decisions : int
        Numbers that the plan decides, d.
    draws : int
        Independent draws that it holds in, N; as many as decisions, at least.
    confidence : float
        Probability, over the draws, that the plan does; above 0 and below 1.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    GoalError
        If there is nothing to decide, there are fewer draws than decisions, or the confidence is not between 0 and 1.

    References
    ----------
    Campi, M. C. & Garatti, S. (2008). The exact feasibility of randomized solutions of uncertain convex programs.
    SIAM Journal on Optimization 19(3), 1211-1230.

    Examples
    --------
    >>> round(scenario_probability(1, 59, confidence=0.95), 4)
    0.9505
    """
    _check_decisions(decisions)
    _check_share("confidence", confidence)
    if draws < decisions:
        raise GoalError(
            f"expected at least as many draws as decisions, found {draws} draws for {decisions}; "
            "draw more, or decide less."
        )
    return float(beta.ppf(1.0 - confidence, draws - decisions + 1, decisions))


def _check_decisions(decisions: int) -> None:
    if decisions < 1:
        raise GoalError(f"expected one decision or more, found {decisions}; count the numbers that the plan decides.")


def _check_share(what: str, share: float) -> None:
    if not 0.0 < share < 1.0:
        raise GoalError(
            f"expected a {what} above 0 and below 1, found {share}; no number of draws is enough for certainty, "
            "ask for 0.95 or 0.99."
        )
