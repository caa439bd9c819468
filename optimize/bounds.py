"""Bounds that hold whatever the distribution: of draws not seen, and of worlds a stated distance off.

The least costly plan of a convex program that holds in all of N independent draws rests on at most as many of them as
it has decisions. What it breaks of the distribution has therefore a law that the binomial tail bounds, whatever the
distribution and the program (Campi & Garatti 2008).
"""

from __future__ import annotations

import numpy as np
from scipy.stats import beta, binom

from .errors import GoalError

__all__ = ["robust_allowance", "scenario_draws", "scenario_probability"]


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


def robust_allowance(radius: float, probability: float) -> float:
    r"""What a tail may miss by, less than nothing, so that it holds for every distribution near that of the draws.

    Among all distributions within a 1-Wasserstein distance :math:`\rho` of the draws, the worst mean of a tail of
    share :math:`1 - p` is

    .. math:: \inf_{Q : W_1(Q, \hat P) \le \rho} \mathrm{CVaR}_{1-p}(Q) = \mathrm{CVaR}_{1-p}(\hat P) -
              \frac{\rho}{1 - p},

    where the margin moves by at most one for each unit that what is uncertain moves by (less than that is lost if its
    support is bounded). The draws' own tail therefore has to be better than nothing by :math:`\rho / (1 - p)`. The
    result is meant for ``allowed`` of `solve_tail` or `Cuts.cheapest`, with a widening of one.

    The radius is in units of the margin: what is uncertain is the margin's constant, or the distance is measured
    between margins at the plan. Where slopes are uncertain, a plan twice as large feels twice their error, and one
    radius for all plans understates that. The smallest of several rows is as safe as each of them.

    Parameters
    ----------
    radius : float
        Distance, on average over draws, that the draws may be wrong by; units of the margin.
    probability : float
        Asked for by the goal; above 0 and below 1.

    Returns
    -------
    float
        Zero or less, units of the margin.

    Raises
    ------
    GoalError
        If the radius is negative or infinite, or the probability is not between 0 and 1.

    References
    ----------
    Mohajerin Esfahani, P. & Kuhn, D. (2018). Data-driven distributionally robust optimization using the Wasserstein
    metric: performance guarantees and tractable reformulations. Mathematical Programming 171, 115-166.

    Examples
    --------
    >>> import cvxpy as cp
    >>> from poblar.optimize.chance import LinearMargins
    >>> from poblar.optimize.program import Model
    >>> from poblar.optimize.solve import ChanceGoal, solve_tail
    >>> margins = LinearMargins(-np.arange(1.0, 11.0)[:, None], np.ones((10, 1, 1)))  # x >= 1 … 10
    >>> plan = cp.Variable(1)
    >>> goal = ChanceGoal("cover demand", 0.8, margins, margins, margins)
    >>> model = Model(plan, cp.sum(plan), [plan >= 0.0])
    >>> allowed = np.array([robust_allowance(0.1, goal.probability)])
    >>> solve_tail(model, [goal], widening=1.0, allowed=allowed).plan.round(6)  # 9.5 and 0.1 / 0.2
    array([10.])
    """
    if not 0.0 <= radius < np.inf:
        raise GoalError(
            f"expected a radius of zero or more, in units of the margin, found {radius}; a share of the standard "
            "deviation of the margins is a start."
        )
    if not 0.0 < probability < 1.0:
        raise GoalError(
            f"expected a probability above 0 and below 1, found {probability}; certainty has no tail, ask for 0.95 "
            "or 0.99."
        )
    return 0.0 - radius / (1.0 - probability)
