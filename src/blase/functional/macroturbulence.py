"""Radial-tangential macroturbulence: Gray 2008, chapter 17.

Half of the surface streams up and down, half along it, each with velocities that are normal along the stream
with a most probable speed zeta (a standard deviation of zeta / sqrt 2). An element seen at mu = cos(theta)
adds zeta mu or zeta sqrt(1 - mu^2) to its line of sight. Over a disc without limb darkening, with weights
2 mu dmu, both halves give the same

    M(v) = 2 / (sqrt(pi) zeta) [exp(-x^2) - sqrt(pi) x erfc(x)],    x = |v| / zeta,

of unit area: a cusp and wings, narrower in the middle and broader outside than a Gaussian. Its Fourier
transform is (1 - exp(-q)) / q with q = (k zeta / 2)^2, differentiable in zeta^2 down to zeta = 0, where it is
the identity. D. F. Gray, The Observation and Analysis of Stellar Photospheres, 3rd edition,
doi:10.1017/CBO9781316036570.

It moves light and removes none: the equivalent width of a line stays.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import erfc
from torch import Tensor

from blase.errors import InputError
from blase.functional.lagrange import interpolating_weights

_SERIES_BELOW = 0.5
_TERMS = 16  # leaves less than 1e-17 of the sum at q = 0.5
_REACH = 5.0
"""Of the stencil, in zeta: less than 1e-12 of the area lies beyond."""
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(24)


def macroturbulence_transfer(k: Tensor, *, macroturbulence_squared: float | Tensor) -> Tensor:
    """Fourier transform of M(v): real, 1 at k = 0.

    Parameters
    ----------
    k : (...,) angular frequency [rad / (km/s)].
    macroturbulence_squared : zeta^2 [km^2/s^2], >= 0; broadcasts against k.

    Returns
    -------
    (...,) the broadcast shape.
    """
    q = 0.25 * k**2 * macroturbulence_squared
    small = q < _SERIES_BELOW
    little, large = torch.where(small, q, 0.0), torch.where(small, 1.0, q)
    series = torch.ones_like(q)
    for n in range(_TERMS, 0, -1):
        series = 1.0 - little / (n + 1) * series
    return torch.where(small, series, -torch.expm1(-large) / large)


def macroturbulence_profile(v: NDArray[np.float64], *, macroturbulence: float) -> NDArray[np.float64]:
    """M(v) [1 / (km/s)], unit area, at `v` (...,) [km/s] from the centre; zeta above zero [km/s].

    Raises `InputError` where zeta is not above zero.
    """
    if not 0.0 < macroturbulence < math.inf:
        raise InputError(
            "the profile of macroturbulence needs a velocity",
            value=macroturbulence,
            expected="km/s above zero",
            fix="use macroturbulence_transfer or macroturbulence_stencil, which include zero",
        )
    x = np.abs(v) / macroturbulence
    shape = np.exp(-(x**2)) - np.sqrt(np.pi) * x * erfc(x)
    return np.asarray(2.0 / (np.sqrt(np.pi) * macroturbulence) * shape)


def macroturbulence_stencil(step: float, *, macroturbulence: float) -> NDArray[np.float64]:
    """Weights w_j = integral of M(v) C(v / step - j) dv, C the cardinal function of the local interpolant.

    As `rotation_stencil`: its error is that of interpolation. M is smooth on either side of its cusp, and
    Gauss-Legendre quadrature, cell by cell out to 5 zeta, is exact to rounding.

    Parameters
    ----------
    step : grid step [km/s], above zero.
    macroturbulence : zeta [km/s], zero or above.

    Returns
    -------
    (2 m + 1,) float64 at offsets -m .. m, of sum 1.

    Raises
    ------
    InputError : if an argument is out of range.
    """
    for name, value, good in (
        ("the grid step", step, 0.0 < step < math.inf),
        ("the macroturbulence", macroturbulence, 0.0 <= macroturbulence < math.inf),
    ):
        if not good:
            raise InputError(
                f"{name} is out of range",
                value=value,
                expected="a velocity in km/s that is not negative, a step above zero",
                fix=f"give {name} in km/s",
            )
    if macroturbulence == 0.0:
        return np.ones(1)
    reach = _REACH * macroturbulence / step
    whole = math.ceil(reach)
    edges = np.clip(np.arange(-whole, whole + 1), -reach, reach)
    half, middle = 0.5 * np.diff(edges)[:, None], 0.5 * (edges[1:] + edges[:-1])[:, None]
    offset = middle + half * _NODES  # (cells, nodes) [steps]
    mass = half * _WEIGHTS * step * macroturbulence_profile(offset * step, macroturbulence=macroturbulence)
    return interpolating_weights(offset, mass / mass.sum())
