"""Rotational broadening with linear limb darkening: Gray 2008, chapter 18.

I(mu) = 1 - u + u mu over the disc of a rigidly rotating sphere. With x = v / vsini, |x| < 1, eq. 18.14 reads

    G(v) = [2 (1 - u) sqrt(1 - x^2) + (pi u / 2) (1 - x^2)] / (pi vsini (1 - u/3))

which is a weighted sum of a semi-ellipse and a parabola, each of unit area, with weights (1 - u) / (1 - u/3)
and (2u/3) / (1 - u/3). D. F. Gray, The Observation and Analysis of Stellar Photospheres, 3rd edition,
doi:10.1017/CBO9781316036570.

The Fourier form is a function of vsini^2 and differentiable down to vsini = 0, where it is the identity.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from blase.errors import InputError
from blase.functional.convolution import apply_transfer
from blase.functional.grid import angular_frequency
from blase.functional.lagrange import interpolating_weights
from blase.functional.special import bessel_lambda, spherical_bessel_lambda

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(24)


def rotation_transfer(k: Tensor, *, vsini_squared: float | Tensor, limb_darkening: float | Tensor) -> Tensor:
    """Fourier transform of G(v): real, 1 at k = 0.

    (1 - u)/(1 - u/3) 2 J_1(s)/s + (2u/3)/(1 - u/3) 3 j_1(s)/s, with s^2 = k^2 vsini^2.

    Parameters
    ----------
    k : (...,) angular frequency [rad / (km/s)].
    vsini_squared : square of the projected equatorial velocity [km^2/s^2], >= 0; broadcasts against k.
    limb_darkening : u, 0 to 1; broadcasts against k.

    Returns
    -------
    (...,) the broadcast shape.
    """
    u = limb_darkening
    q = k**2 * vsini_squared
    ellipse = 2.0 * bessel_lambda(q, 1)
    parabola = 3.0 * spherical_bessel_lambda(q, 1)
    return ((1.0 - u) * ellipse + (2.0 * u / 3.0) * parabola) / (1.0 - u / 3.0)


def rotational_broadening(
    flux: Tensor, *, step: float, vsini_squared: float | Tensor, limb_darkening: float | Tensor
) -> Tensor:
    """Flux (..., n) on a grid of ``step`` [km/s], convolved with G(v); circular, so the caller pads by vsini.

    Parameters are those of `rotation_transfer`. Exact for a flux that the grid resolves, for any vsini >= 0.
    """
    k = angular_frequency(flux.shape[-1], step).to(flux.device)
    return apply_transfer(
        flux, rotation_transfer(k, vsini_squared=vsini_squared, limb_darkening=limb_darkening)
    )


def rotation_profile(v: Tensor, *, vsini: float | Tensor, limb_darkening: float | Tensor) -> Tensor:
    """G(v) [1 / (km/s)], unit area, zero for |v| >= vsini (Gray 2008, eq. 18.14).

    Parameters
    ----------
    v : (...,) velocity from the line centre [km/s].
    vsini : projected equatorial velocity [km/s], above zero.
    limb_darkening : u, 0 to 1.

    Raises
    ------
    InputError : if vsini is not above zero, where the profile is a delta function.
    """
    if not bool(torch.all(torch.as_tensor(vsini) > 0.0)):
        raise InputError(
            "the rotation profile is a delta function at vsini = 0",
            value=vsini,
            expected="vsini above zero, in km/s",
            fix="use rotation_transfer or rotation_kernel, which include vsini = 0",
        )
    u = limb_darkening
    remainder = 1.0 - (v / vsini) ** 2
    inside = remainder > 0.0
    y = torch.where(inside, remainder, 1.0)  # keeps the gradient of sqrt finite outside the profile
    shape = 2.0 * (1.0 - u) * torch.sqrt(y) + 0.5 * math.pi * u * y
    return torch.where(inside, shape / (math.pi * vsini * (1.0 - u / 3.0)), 0.0)


def rotation_kernel(step: float, *, vsini: float, limb_darkening: float) -> NDArray[np.float64]:
    """G(v) integrated over grid cells, from the closed form of its cumulative distribution.

    Cell j spans ((j - 1/2) step, (j + 1/2) step). The sum is 1. For vsini <= step / 2 it is a single 1.
    Cells add a variance of up to step^2 / 12 to the blur (`rotation_transfer` adds none): the error is near
    f'' step^2 / 24 for a flux f. `rotation_stencil` has no such error.

    Parameters
    ----------
    step : grid step [km/s], above zero.
    vsini : projected equatorial velocity [km/s], zero or above.
    limb_darkening : u, 0 to 1.

    Returns
    -------
    (2 m + 1,) float64 at offsets -m .. m.

    Raises
    ------
    InputError : if an argument is out of range.
    """
    _check_kernel_arguments(step, vsini, limb_darkening)
    m = max(math.ceil(vsini / step - 0.5), 0)
    if m == 0:
        return np.ones(1)
    edges = (np.arange(-m, m + 2) - 0.5) * (step / vsini)
    return np.diff(_cumulative(np.clip(edges, -1.0, 1.0), limb_darkening))


def rotation_stencil(step: float, *, vsini: float, limb_darkening: float) -> NDArray[np.float64]:
    """Weights w_j = integral of G(v) C(v / step - j) dv, C the cardinal function of the local interpolant.

    The sum of w_j f(v_i + j step) is the exact convolution of G with the polynomials of degree 9 through the
    samples of f: its error is that of interpolation, for every vsini down to 0. With v = vsini sin(theta) the
    integrand is smooth, and Gauss-Legendre quadrature in theta, cell by cell, is exact to rounding.

    Parameters and errors as `rotation_kernel`.

    Returns
    -------
    (2 m + 1,) float64 at offsets -m .. m, of sum 1; some weights are slightly negative.
    """
    _check_kernel_arguments(step, vsini, limb_darkening)
    reach = vsini / step
    if reach == 0.0:
        return np.ones(1)
    whole = math.ceil(reach)
    edges = np.arcsin(np.clip(np.arange(-whole, whole + 1) / reach, -1.0, 1.0))
    half, middle = 0.5 * np.diff(edges)[:, None], 0.5 * (edges[1:] + edges[:-1])[:, None]
    theta = middle + half * _NODES  # (cells, nodes)
    u, cosine = limb_darkening, np.cos(theta)
    shape = cosine**2 * (2.0 * (1.0 - u) + 0.5 * np.pi * u * cosine)
    mass = half * _WEIGHTS * shape / (np.pi * (1.0 - u / 3.0))  # G(v) dv at each node
    return interpolating_weights(reach * np.sin(theta), mass)


def _cumulative(x: NDArray[np.float64], u: float) -> NDArray[np.float64]:
    """Integral of G from -vsini to x vsini, less 1/2 (odd in x, so that cell differences stay symmetric)."""
    ellipse = (x * np.sqrt(1.0 - x**2) + np.arcsin(x)) / np.pi
    parabola = (3.0 * x - x**3) / 4.0
    return ((1.0 - u) * ellipse + (2.0 * u / 3.0) * parabola) / (1.0 - u / 3.0)


def _check_kernel_arguments(step: float, vsini: float, limb_darkening: float) -> None:
    checks = (
        ("the grid step", step, 0.0 < step < math.inf, "above zero, in km/s"),
        ("vsini", vsini, 0.0 <= vsini < math.inf, "zero or above, in km/s"),
        ("the limb darkening", limb_darkening, 0.0 <= limb_darkening <= 1.0, "between 0 and 1"),
    )
    for name, value, good, expected in checks:
        if not good:
            raise InputError(f"{name} is out of range", value=value, expected=expected)
