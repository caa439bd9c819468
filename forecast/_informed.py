"""Parameters about where the figures put them, so that the sampler's coordinates are about standard normal."""

from __future__ import annotations

from typing import Any

import pymc as pm
import pytensor.tensor as pt

__all__ = ["add_informed", "stretched"]


def add_informed(
    name: str, pilot: Any, known: Any, believed: Any, dims: str | tuple[str, ...] | None = None, along: Any = None
) -> Any:
    r"""Add a normal parameter :math:`u \sim N(0, 1/b)` of which the figures say about :math:`\hat u`.

    .. math:: u = \frac{w}{w + b}\, \hat u + \frac{z}{\sqrt{w + b}}

    The sampler moves in z, which is about standard normal however much the figures say: with a pilot of no weight w
    this is the non-centred parametrisation, with one of great weight the centred one (Papaspiliopoulos, Roberts &
    Sköld 2007). The prior is what it was, whatever pilot and weight are; both may depend on other parameters.

    Parameters
    ----------
    name : str
        Name of z in the model.
    pilot, known : array or tensor
        :math:`\hat u` and w, its inverse variance.
    believed : array or tensor
        b, the inverse variance of the prior, in the shape of u.
    dims : str or tuple of str, optional
        Axes of u.
    along : array or tensor, optional
        Direction a over the first axis of z, in the shape of u, in which the pilots of all are off together: z is
        stretched there by :math:`\sqrt{1 + |a|^2}`, as if a standard normal multiple of a were added.

    Returns
    -------
    tensor
        u.

    References
    ----------
    Papaspiliopoulos O., Roberts G.O., Sköld M. (2007), A general framework for the parametrization of hierarchical
    models, Statistical Science 22.

    Examples
    --------
    >>> with pm.Model() as model:
    ...     mean = add_informed("mean_z", pilot=3.0, known=10.0, believed=1.0)
    >>> round(float(mean.eval({model["mean_z"]: 0.0})), 3)
    2.727
    """
    deviate = pm.Normal(name, dims=dims)
    z, volume = (deviate, 0.0) if along is None else stretched(deviate, along)
    precision = known + believed
    value = known / precision * pilot + z / pt.sqrt(precision)
    # The density is that of the parameter, so that of z is taken out again.
    density: Any = pt.log(believed / precision) - believed * value**2 + deviate**2
    pm.Potential(f"{name}_prior", 0.5 * pt.as_tensor(density).sum() + volume)
    return value


def stretched(deviate: Any, along: Any) -> tuple[Any, Any]:
    r"""Standard normals z, wide in a direction a of their first axis, and the log of what volume they have gained.

    .. math:: z + \frac{a\, a^\top z}{1 + \sqrt{1 + |a|^2}}

    has the variance of z and of a standard normal multiple of a together.

    Examples
    --------
    >>> import numpy as np
    >>> z, volume = stretched(np.array([1.0, 0.0]), np.array([np.sqrt(3.0), 0.0]))
    >>> z.eval().round(3).tolist(), round(float(volume.eval()), 3)  # log 2
    ([2.0, 0.0], 0.693)
    """
    square: Any = pt.as_tensor(along**2)
    part: Any = pt.as_tensor(along * deviate)
    longer: Any = pt.sqrt(1.0 + square.sum(0))
    logs: Any = pt.log(longer)
    return deviate + along * part.sum(0) / (1.0 + longer), logs.sum()
