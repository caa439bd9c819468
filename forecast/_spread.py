"""How far a few logarithms wander, when they are too few to say."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_GRID = np.linspace(0.02, 3.0, 500)


def uncertain_spread(
    squares: float, degrees: int, shape: int | tuple[int, ...], rng: np.random.Generator, *, scale: float = 0.5
) -> NDArray[np.float64]:
    """Draws of a standard deviation, half-normal before it is updated with a sum of squares of so many degrees."""
    weight = -0.5 * (_GRID / scale) ** 2 - degrees * np.log(_GRID) - squares / (2.0 * _GRID**2)
    chances = np.exp(weight - weight.max())
    return rng.choice(_GRID, shape, p=chances / chances.sum())
