"""Heavy-tailed errors: the likelihood that every model of the room shares."""

from __future__ import annotations

import pymc as pm
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

__all__ = ["add_shocks"]


def add_shocks(name: str, shocks: TensorVariable, *, tails: TensorVariable, scale: TensorVariable) -> None:
    """Add the likelihood of Student t errors, ``shocks ~ t(tails, 0, scale)``, to the current PyMC model.

    The errors are functions of observed series and parameters that are linear in the series with unit slope, so that
    no Jacobian is due.

    Parameters
    ----------
    name : str
        Name of the term.
    shocks : tensor
        Errors, in the units of the series.
    tails : tensor
        Degrees of freedom.
    scale : tensor
        Scale of the errors, broadcast against them.

    Examples
    --------
    >>> import pymc as pm
    >>> with pm.Model() as model:
    ...     scale = pm.HalfNormal("scale", 1.0)
    ...     add_shocks("errors", 0.5 - pm.Normal("mean"), tails=pm.Gamma("tails", 2.0, 0.1), scale=scale)
    >>> [term.name for term in model.potentials]
    ['errors']
    """
    errors = pm.StudentT.dist(nu=tails, mu=0, sigma=scale)
    pm.Potential(name, pt.as_tensor(pm.logp(errors, shocks)))
