"""Frozen prior specifications: what a model believes before it sees data, as plain values.

Each spec is an immutable value that can be compared, printed and stored with the fit; its method
`variable` makes the PyMC variable inside a model context. Vectors are tuples, one value for each
coordinate along `dims`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pymc as pm
from pytensor.tensor.variable import TensorVariable

__all__ = ["Beta", "Gamma", "HalfNormal", "LogNormal", "Normal", "Prior"]

Values = float | tuple[float, ...]


@dataclass(frozen=True)
class Normal:
    """Normal prior, p(x) = N(x | mean, sd²).

    Parameters
    ----------
    mean, sd : float or tuple of float
        Location and standard deviation, in the units of the parameter.

    Examples
    --------
    >>> Normal(0.0, 1.0)
    Normal(mean=0.0, sd=1.0)
    """

    mean: Values
    sd: Values

    def variable(self, name: str, dims: str | Sequence[str] | None = None) -> TensorVariable:
        """Make the PyMC variable `name` along `dims` in the current model."""
        return pm.Normal(name, self.mean, self.sd, dims=dims)


@dataclass(frozen=True)
class HalfNormal:
    """Half-normal prior on a scale, p(x) ∝ N(x | 0, sd²) for x > 0.

    Parameters
    ----------
    sd : float or tuple of float
        Scale, in the units of the parameter.

    Examples
    --------
    >>> HalfNormal(0.5)
    HalfNormal(sd=0.5)
    """

    sd: Values

    def variable(self, name: str, dims: str | Sequence[str] | None = None) -> TensorVariable:
        """Make the PyMC variable `name` along `dims` in the current model."""
        return pm.HalfNormal(name, self.sd, dims=dims)


@dataclass(frozen=True)
class LogNormal:
    """Log-normal prior on a positive number, log x ~ N(log median, sd²).

    Parameters
    ----------
    median : float
        Median, in the units of the parameter.
    sd : float
        Standard deviation of the logarithm.

    Examples
    --------
    >>> LogNormal(median=0.5, sd=0.3)
    LogNormal(median=0.5, sd=0.3)
    """

    median: float
    sd: float

    def variable(self, name: str, dims: str | Sequence[str] | None = None) -> TensorVariable:
        """Make the PyMC variable `name` along `dims` in the current model."""
        return pm.LogNormal(name, math.log(self.median), self.sd, dims=dims)


@dataclass(frozen=True)
class Beta:
    """Beta prior on a share between 0 and 1, by its mean and its weight in observations.

    Parameters
    ----------
    mean : float
        Prior mean, between 0 and 1.
    weight : float
        Sum of the two shape parameters: how many observations the prior is worth.

    Examples
    --------
    >>> Beta(mean=0.8, weight=10.0)
    Beta(mean=0.8, weight=10.0)
    """

    mean: float
    weight: float

    def variable(self, name: str, dims: str | Sequence[str] | None = None) -> TensorVariable:
        """Make the PyMC variable `name` along `dims` in the current model."""
        return pm.Beta(name, self.mean * self.weight, (1.0 - self.mean) * self.weight, dims=dims)


@dataclass(frozen=True)
class Gamma:
    """Gamma prior on a positive number, by its mean and standard deviation.

    Parameters
    ----------
    mean, sd : float
        Mean and standard deviation, in the units of the parameter.

    Examples
    --------
    >>> Gamma(mean=8.0, sd=4.0)
    Gamma(mean=8.0, sd=4.0)
    """

    mean: float
    sd: float

    def variable(self, name: str, dims: str | Sequence[str] | None = None) -> TensorVariable:
        """Make the PyMC variable `name` along `dims` in the current model."""
        return pm.Gamma(name, mu=self.mean, sigma=self.sd, dims=dims)


Prior = Normal | HalfNormal | LogNormal | Beta | Gamma
