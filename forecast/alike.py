"""Which countries' forecasts tend to be wrong together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..data.neighbours import contiguous, same_subregion

__all__ = ["Alike"]


@dataclass(frozen=True, kw_only=True)
class Alike:
    r"""Correlation of the errors of two countries by what they have in common, after Fosdick & Raftery (2014, eq. 5).

    Of two countries that share a border it is `neighbours`; of two of one UN subregion, `subregion`; of any other two,
    `world`. Errors are correlated as the normals that they are made of.

    Parameters
    ----------
    neighbours, subregion, world : float
        Correlations, from zero to one.

    References
    ----------
    Fosdick B.K., Raftery A.E. (2014), Regional probabilistic fertility forecasting by modeling between-country
    correlations, Demographic Research 30.

    Examples
    --------
    >>> Alike(neighbours=0.2, subregion=0.07, world=0.04).matrix(["GTM", "MEX", "NIC"])
    array([[1.  , 0.2 , 0.07],
           [0.2 , 1.  , 0.07],
           [0.07, 0.07, 1.  ]])
    """

    neighbours: float
    subregion: float
    world: float

    def matrix(self, countries: Sequence[str]) -> NDArray[np.float64]:
        """Correlation matrix of some countries, by their ISO 3166-1 alpha-3 codes.

        Where the three numbers do not make a correlation matrix (they need not, for any borders), its negative
        eigenvalues are set to nearly zero and the diagonal to one again.
        """
        found = np.full((len(countries),) * 2, self.world)
        found[same_subregion(countries)] = self.subregion
        found[contiguous(countries)] = self.neighbours
        np.fill_diagonal(found, 1.0)
        values, vectors = np.linalg.eigh(found)
        if values[0] > 1e-6:
            return found
        near = (vectors * np.maximum(values, 1e-6)) @ vectors.T
        scale = np.sqrt(np.diagonal(near))
        return near / scale[:, None] / scale
