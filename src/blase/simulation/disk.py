"""The spectrum of a rotating star, summed over the elements of its visible disk one after the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from blase.constants import SPEED_OF_LIGHT

FloatArray = NDArray[np.float64]

_VELOCITY_STEP = 0.3
_MINIMUM_COLUMNS = 48
_ELEMENTS_PER_COLUMN = 400
_RINGS = 200


def log_doppler(velocity: FloatArray | float) -> FloatArray:
    """ln of the Doppler factor, ln sqrt((1 + v/c) / (1 - v/c)) = artanh(v/c); positive v recedes [km/s]."""
    return np.arctanh(np.asarray(velocity, dtype=np.float64) / SPEED_OF_LIGHT)


def disk_columns(n_columns: int, limb_darkening: float) -> tuple[FloatArray, FloatArray]:
    """Places and weights (n_columns,) of columns of the disk that share one line-of-sight velocity.

    A solidly rotating star has v = x vsini, x in (-1, 1) across the axis of rotation. Column k lies at
    x = cos(theta_k), theta_k equally spaced, so columns crowd at the limb. Each sums its elements along y:
    projected area dx dy times brightness 1 - u + u mu, mu = sqrt(1 - x^2 - y^2). Weights add to 1.
    """
    theta = np.pi * (np.arange(n_columns) + 0.5) / n_columns
    phi = np.pi * ((np.arange(_ELEMENTS_PER_COLUMN) + 0.5) / _ELEMENTS_PER_COLUMN - 0.5)
    chord = np.sin(theta)[:, None]
    y = chord * np.sin(phi)
    mu = np.sqrt(np.maximum(chord**2 - y**2, 0.0))
    area = chord * (chord * np.cos(phi))
    weight = (area * (1 - limb_darkening + limb_darkening * mu)).sum(axis=1)
    return np.cos(theta), weight / weight.sum()


def sum_disk(
    rest: CubicSpline,
    log_wavelength: FloatArray,
    *,
    radial_velocity: float,
    vsini: float,
    limb_darkening: float,
) -> FloatArray:
    """Flux (n,) at `log_wavelength` (n,), ln of observed Angstrom; `rest` takes ln of rest Angstrom.

    Every element is shifted by its own velocity, composed relativistically with the radial velocity [km/s].
    """
    shifted = log_wavelength - log_doppler(radial_velocity)
    if vsini == 0:
        return rest(shifted)
    n_columns = max(_MINIMUM_COLUMNS, int(np.ceil(np.pi * vsini / _VELOCITY_STEP)))
    flux = np.zeros(len(log_wavelength))
    for x, weight in zip(*disk_columns(n_columns, limb_darkening), strict=True):
        flux += weight * rest(shifted - log_doppler(x * vsini))
    return flux


def stream_kernel(step: float, macroturbulence: float) -> FloatArray:
    """Velocities of radial and tangential streams over a disc without limb darkening, (2 m + 1,) of sum 1.

    Rings of the disc, one after the other: at mu half of the light has a Gaussian of standard deviation
    zeta mu / sqrt 2, half one of zeta sqrt(1 - mu^2) / sqrt 2. `step` and zeta in km/s.
    """
    if macroturbulence == 0:
        return np.ones(1)
    velocity = np.arange(-np.ceil(5 * macroturbulence / step), np.ceil(5 * macroturbulence / step) + 1) * step
    mu, share = np.polynomial.legendre.leggauss(_RINGS)
    mu = 0.5 * (mu + 1)
    total = np.zeros_like(velocity)
    for spread in (mu, np.sqrt(1 - mu**2)):
        width = np.maximum(macroturbulence * spread / np.sqrt(2), step)
        ring = np.exp(-0.5 * (velocity[:, None] / width) ** 2)
        total += (ring / ring.sum(axis=0)) @ (mu * share)
    return np.asarray(total / total.sum())
