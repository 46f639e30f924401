"""Divide a template by its continuum: a black body, then a smooth curve along the upper envelope.

The envelope is a Whittaker smoother (Eilers 2003, Anal. Chem. 75, 3631, doi:10.1021/ac034173t): it minimises

    sum_i w_i (y_i - f_i)^2 + lam sum_i (third difference of f at i)^2,      lam = (scale / 2 pi h)^6,

over y_i = the logarithm of the 97 % quantile of flux / Planck in blocks of h = 300 km/s.
Parabolas cost nothing. It passes waves longer than `scale` [km/s] and stops shorter ones (half amplitude at
`scale`). Weights are asymmetric: 1 where y is above f and 0.01 where it is
below, repeated until they settle, so that f lies along the tops.

What is lost. Everything wider than `scale` goes into the continuum: with the default of 20,000 km/s (570
Angstrom at 8600 Angstrom) the far wings of the strongest lines lose about 1 % of their equivalent width, more
at the ends of a segment; the edge of a series (Balmer, Paschen) is rounded. Where molecules leave no true
continuum (M dwarfs), the result is a pseudo-continuum through the highest points between bands, and depths
are relative to it. A range shorter than `scale` gets a parabola. Normalised values above 1 are kept:
nothing is clipped.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.linalg import solveh_banded
from scipy.optimize import minimize_scalar

from blase.constants import SPEED_OF_LIGHT
from blase.errors import InputError
from blase.functional.planck import planck_per_wavelength
from blase.templates.segments import find_segments

DEFAULT_SCALE = 20_000.0
"""Shortest wave that the continuum follows [km/s]."""

_BLOCK = 300.0  # [km/s]
_QUANTILE = 0.97
_WEIGHT_BELOW = 0.01
_DIFFERENCE = (-1.0, 3.0, -3.0, 1.0)
_MAX_ROUNDS = 100
_TEMPERATURES = (500.0, 50_000.0)  # [K] searched for the black body

Array = NDArray[np.float64]


def flatten(
    wavelength: Array,
    flux: Array,
    effective_temperature: float | None = None,
    *,
    scale: float = DEFAULT_SCALE,
) -> tuple[Array, Array, tuple[str, ...]]:
    """Split `flux` (n,) at increasing `wavelength` (n,) [vacuum Angstrom] into normalised * continuum.

    Parameters
    ----------
    effective_temperature : of the black body [K]; fitted to the upper envelope where None.
    scale : shortest wave of the continuum [km/s].

    Returns
    -------
    normalised (n,), continuum (n,) in the unit of flux, and notes that say what was done.

    Raises
    ------
    InputError : if the flux of a segment is nowhere positive or `scale` is not positive.
    """
    if not scale > 0:
        raise InputError(
            "the scale of the continuum must be positive",
            value=scale,
            expected="km/s above zero",
            fix="leave it at its default",
        )
    segments = find_segments(wavelength)
    blocks = [_block_tops(wavelength[s], flux[s]) for s in segments]
    fitted = effective_temperature is None
    temperature = _fit_temperature(blocks) if effective_temperature is None else effective_temperature
    continuum = np.empty_like(flux)
    for part, (u, top) in zip(segments, blocks, strict=True):
        continuum[part] = _continuum(wavelength[part], u, top, temperature, scale)
    return flux / continuum, continuum, _notes(temperature, fitted, scale, len(segments))


def padded_slice(wavelength: Array, low: float, high: float, *, scale: float = DEFAULT_SCALE) -> slice:
    """Samples of the increasing `wavelength` in [low, high] and one `scale` on either side.

    The ends of an envelope are its worst part: cutting to the range only after flattening keeps them outside
    it.
    """
    factor = np.exp(scale / SPEED_OF_LIGHT)
    start, stop = np.searchsorted(wavelength, [low / factor, high * factor])
    return slice(int(start), int(stop))


def _block_tops(wavelength: Array, flux: Array) -> tuple[Array, Array]:
    """Centres in ln(wavelength) (m,) and the 97 % quantile of the flux (m,) of blocks of 300 km/s, m >= 1.

    Blocks are equal in ln(wavelength), at most one for every two samples, so that none is empty in a segment
    of regular sampling; an empty or dark block has top 0 and carries no weight.
    """
    u = np.log(wavelength)
    n = int(np.clip((u[-1] - u[0]) * SPEED_OF_LIGHT / _BLOCK, 1, max(len(u) // 2, 1)))
    edges = np.linspace(u[0], u[-1], n + 1)
    index = np.searchsorted(u, edges)
    index[-1] = len(u)
    parts = [flux[a:b] for a, b in pairwise(index)]
    top = np.array([np.quantile(p, _QUANTILE) if len(p) else 0.0 for p in parts])
    if not (top > 0).any():
        raise InputError(
            "the flux of the template is nowhere positive",
            value=f"{wavelength[0]:.2f} to {wavelength[-1]:.2f} Angstrom",
            fix="leave this stretch out with a narrower wavelength range",
            expected="a spectrum with light in it",
        )
    return (edges[1:] + edges[:-1]) / 2, np.maximum(top, 0.0)


def _fit_temperature(blocks: list[tuple[Array, Array]]) -> float:
    """Black body [K] whose logarithm, with one free factor, is nearest (in mean square) to the block tops."""
    u, top = (np.concatenate(x) for x in zip(*blocks, strict=True))
    wavelength, log_top = np.exp(u[top > 0]), np.log(top[top > 0])

    def scatter(log_temperature: float) -> float:
        return float(np.var(log_top - _log_planck(wavelength, np.exp(log_temperature))))

    bounds = (np.log(_TEMPERATURES[0]), np.log(_TEMPERATURES[1]))
    return float(np.exp(minimize_scalar(scatter, bounds=bounds, method="bounded").x))


def _continuum(wavelength: Array, u: Array, top: Array, temperature: float, scale: float) -> Array:
    """Planck times the envelope at each sample (n,) of a segment with block tops `top` (m,) at `u` (m,)."""
    lit = top > 0
    y = np.zeros_like(top)
    y[lit] = np.log(top[lit]) - _log_planck(np.exp(u[lit]), temperature)
    log_ratio = _envelope(u, y, lit, scale)
    at = CubicSpline(u, log_ratio)(np.log(wavelength)) if len(u) > 1 else log_ratio
    return np.exp(at + _log_planck(wavelength, temperature))


def _envelope(u: Array, y: Array, lit: NDArray[np.bool_], scale: float) -> Array:
    """Asymmetric Whittaker smoother f (m,) of `y` (m,) at uniform `u` (m,); only `lit` ones weigh."""
    if lit.sum() < 5:
        return np.full_like(y, y[lit].max())
    step = (u[1] - u[0]) * SPEED_OF_LIGHT
    stiffness = (scale / (2 * np.pi * step)) ** 6
    above = lit
    for _ in range(_MAX_ROUNDS):
        f = _whittaker(y, np.where(above, 1.0, _WEIGHT_BELOW) * lit, stiffness)
        before, above = above, lit & (y > f)
        if (above == before).all():
            break
    return f


def _whittaker(y: Array, weight: Array, stiffness: float) -> Array:
    """Solve (W + stiffness D'D) f = W y, D the third difference, a matrix of seven diagonals; m >= 4."""
    m, order = len(y), len(_DIFFERENCE) - 1
    bands = np.zeros((order + 1, m))  # upper half, the main diagonal last
    for a, left in enumerate(_DIFFERENCE):
        for b in range(a, order + 1):
            bands[order - (b - a), b : b + m - order] += stiffness * left * _DIFFERENCE[b]
    bands[order] += weight
    return np.asarray(solveh_banded(bands, weight * y))


def _log_planck(wavelength: Array, temperature: float) -> Array:
    """Logarithm of the black body; differences of it are all that is used."""
    return np.log(planck_per_wavelength(wavelength, temperature))


def _notes(temperature: float, fitted: bool, scale: float, n_segments: int) -> tuple[str, ...]:
    how = "fitted to the upper envelope" if fitted else "the effective temperature given"
    return (
        f"divided by a black body of {temperature:.0f} K ({how})",
        f"divided by a smooth upper envelope that follows waves longer than {scale:g} km/s, in {n_segments} "
        "segment(s); values above 1 are kept, and where bands leave no continuum it is a pseudo-continuum",
    )
