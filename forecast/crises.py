"""Wars and disasters: what they take comes back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Crises"]

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Crises:
    r"""Falls of life expectancy, and how long what fell is missing.

    A fall of more than `fall` years in one year is a war, a famine or an earthquake, not a change of pace. Where one
    sex or both fell so far in a recent year and have not come back, a forecast starts from the year before the fall,
    less what is still lost, :math:`l`, for as long as the crisis lasts. A crisis to come is missing in the same way:

    .. math:: e_t = e^*_t - l\, b_t, \qquad b_{t+1} = b_t\, u_t, \quad u_t \sim \text{Bernoulli}(p)

    Parameters
    ----------
    fall : float
        Years of life expectancy lost in one year: between two that a model does not mask, or by an error of a year to
        come.
    lasts : float
        p, from one year to the next. Of 106 such falls between 1951 and 1988 (World Population Prospects 2024) half of
        the loss was still there after one year, a third after two, a quarter after three and a fifth after five.
    recent : int
        How many years, the last among them, are searched for a fall. Where something was still lost one to four years
        after one (152 country-years to 2005), the median had 0.6 of it back in three years and 0.85 in five.

    Examples
    --------
    Life expectancy (country, year, sex) of one country that was struck and of one that was not:

    >>> import numpy as np
    >>> e0 = np.array([[[77.0, 72.0], [78.0, 73.0], [71.0, 60.0]], [[80.0, 75.0], [80.2, 75.2], [80.3, 75.3]]])
    >>> calm, loss = Crises().before(e0)
    >>> calm[:, -1].tolist(), loss.tolist()
    ([[78.0, 73.0], [80.3, 75.3]], [[7.0, 13.0], [0.0, 0.0]])
    """

    fall: float = 2.0
    lasts: float = 0.6
    recent: int = 5

    def before(self, e0: Array) -> tuple[Array, Array]:
        """Undo a fall: life expectancy (country, year, sex) without it and the loss (country, sex), both in years.

        Examples
        --------
        >>> import numpy as np
        >>> Crises().before(np.array([[[60.0, 55.0], [50.0, 56.0]]]))[1].tolist()  # men lost nothing
        [[10.0, 0.0]]
        """
        calm, before = e0.copy(), np.full(e0[:, 0].shape, -np.inf)
        for year in range(-min(self.recent, e0.shape[1] - 1), 0):
            struck = (calm[:, year - 1] - e0[:, year] > self.fall).any(axis=-1, keepdims=True)
            before = np.where(struck, calm[:, year - 1], before)
            calm[:, year] = np.maximum(e0[:, year], before)
            over = (e0[:, year] >= before).all(axis=-1, keepdims=True)
            before = np.where(over, -np.inf, before)
        return calm, calm[:, -1] - e0[:, -1]

    def missing(self, loss: Array, draws: int, years: int, rng: np.random.Generator) -> Array:
        """Simulate what is missing (draw, country, year, sex) of losses (country, sex) of life expectancy, years.

        Examples
        --------
        >>> import numpy as np
        >>> path = Crises(lasts=0.5).missing(np.array([[7.0, 13.0]]), 4000, 3, np.random.default_rng(1))
        >>> path.mean(axis=0)[0, :, 0].round(1).tolist()
        [3.5, 1.7, 0.9]
        """
        path = np.zeros((draws, len(loss), years, loss.shape[-1]))
        struck = loss.any(axis=-1)
        on = rng.random((draws, int(struck.sum()), years)) < self.lasts
        path[:, struck] = np.cumprod(on, axis=-1)[..., None] * loss[struck, None]
        return path

    def struck(self, shock: Array, missing: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        """Take the crises out of the errors of a year: the errors without them and what is now missing, in years.

        Examples
        --------
        >>> import numpy as np
        >>> rng = np.random.default_rng(1)
        >>> shock, missing = Crises(lasts=1.0).struck(np.array([-9.0, -1.0]), np.array([2.0, 0.0]), rng)
        >>> shock.tolist(), missing.tolist()
        ([0.0, -1.0], [11.0, 0.0])
        """
        lost = np.where(shock < -self.fall, -shock, 0.0)
        return shock + lost, missing * (rng.random(missing.shape) < self.lasts) + lost
