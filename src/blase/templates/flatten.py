"""Divide a template by its continuum: a black body, then a curve along the upper envelope.

Two curves are at hand, both over the logarithm of the 97 % quantile of flux / Planck in blocks of h = 300
km/s.

*smooth*, for stars whose continuum is seen between the lines: a Whittaker smoother (Eilers 2003, Anal. Chem.
75, 3631, doi:10.1021/ac034173t), which minimises

    sum_i w_i (y_i - f_i)^2 + lam sum_i (third difference of f at i)^2,      lam = (scale / 2 pi h)^6.

Parabolas cost nothing. It passes waves longer than `scale` [km/s] and stops shorter ones (half amplitude at
`scale`). Weights are asymmetric: 1 where y is above f and 0.01 where it is
below, repeated until they settle, so that f lies along the tops. Everything wider than `scale` goes into the
continuum: with the default of 20,000 km/s (570 Angstrom at 8600 Angstrom) the far wings of the strongest
lines of a K dwarf lose about 1 % of their equivalent width, more at the ends of a segment; the edge of a
series (Balmer, Paschen) is rounded. A range shorter than `scale` gets a parabola.

*pseudo*, for M dwarfs and brown dwarfs, whose lines leave no continuum: the tops closed by a parabola of
curvature k that is moved along above them (a rolling ball: Sternberg 1983, IEEE Computer 16, 22,
doi:10.1109/MC.1983.1654163). It rests on the highest points and bridges what lies between, at any slope of
the tops, with a sag of k d^2 / 8 over a trough of width d; k is such that a trough of `span` [km/s] sags by
1 %. Of a wing only the part is eaten that bends less than the parabola. Bands of molecules narrower than
`span` stay in the normalised spectrum, whose depths are relative to the highest points about them.

Normalised values above 1 are kept: nothing is clipped.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.linalg import solveh_banded
from scipy.optimize import minimize_scalar

from blase.constants import SPEED_OF_LIGHT
from blase.errors import InputError
from blase.functional.planck import planck_per_wavelength
from blase.templates.segments import find_segments

Method = Literal["auto", "smooth", "pseudo"]
COOL = 4000.0
"""Effective temperature [K] below which molecules leave no continuum, and `auto` is `pseudo`."""
DEFAULT_SCALE = 20_000.0
"""Shortest wave that the smooth continuum follows [km/s]."""
DEFAULT_SPAN = 100_000.0
"""Width of a trough [km/s] that the pseudo-continuum bridges with a sag of 1 %."""

LARGEST_REACH = DEFAULT_SPAN / 2
"""How far beyond a range [km/s] a template is needed for either continuum in it."""

_BLOCK = 300.0  # [km/s]
_QUANTILE = 0.97
_WEIGHT_BELOW = 0.01
_SAG = 0.01
_DIFFERENCE = (-1.0, 3.0, -3.0, 1.0)
_MAX_ROUNDS = 100
_TEMPERATURES = (500.0, 50_000.0)  # [K] searched for the black body

Array = NDArray[np.float64]
Curve = Callable[[Array, Array, NDArray[np.bool_], Array], Array]
"""Of centres of blocks, their tops, which are lit, and where the curve is wanted, all in ln(wavelength)."""


def flatten(
    wavelength: Array,
    flux: Array,
    effective_temperature: float | None = None,
    *,
    method: Method = "auto",
    scale: float = DEFAULT_SCALE,
    span: float = DEFAULT_SPAN,
) -> tuple[Array, Array, tuple[str, ...]]:
    """Split `flux` (n,) at increasing `wavelength` (n,) [vacuum Angstrom] into normalised * continuum.

    Parameters
    ----------
    effective_temperature : of the black body [K]; fitted to the upper envelope where None.
    method : 'smooth', 'pseudo', or 'auto': pseudo where an effective temperature below 4000 K is given.
    scale : shortest wave of the smooth continuum [km/s].
    span : width of a trough that the pseudo-continuum bridges with a sag of 1 % [km/s].

    Returns
    -------
    normalised (n,), continuum (n,) in the unit of flux, and notes that say what was done.

    Raises
    ------
    InputError : if the flux of a segment is nowhere positive, the method is unknown, or `scale` or `span` is
        not positive.
    """
    for name, width in (("scale", scale), ("span", span)):
        _require_positive(name, width)
    chosen = chosen_method(method, effective_temperature)
    segments = find_segments(wavelength)
    blocks = [_block_tops(wavelength[s], flux[s]) for s in segments]
    fitted = effective_temperature is None
    temperature = _fit_temperature(blocks) if effective_temperature is None else effective_temperature
    curve = partial(_smooth, scale=scale) if chosen == "smooth" else partial(_pseudo, span=span)
    continuum = np.empty_like(flux)
    for part, (u, top) in zip(segments, blocks, strict=True):
        continuum[part] = _continuum(wavelength[part], u, top, temperature, curve)
    width = scale if chosen == "smooth" else span
    return flux / continuum, continuum, _notes(temperature, fitted, chosen, width, len(segments))


def chosen_method(method: str, effective_temperature: float | None) -> Literal["smooth", "pseudo"]:
    """`method`, or what 'auto' stands for at this effective temperature [K]; InputError for anything else."""
    if method not in get_args(Method):
        raise InputError(
            "unknown kind of continuum",
            value=method,
            expected=", ".join(get_args(Method)),
            fix="pass --continuum auto, smooth or pseudo (continuum=...)",
        )
    if method == "auto":
        return "pseudo" if effective_temperature is not None and effective_temperature < COOL else "smooth"
    return "smooth" if method == "smooth" else "pseudo"


def _require_positive(name: str, width: float) -> None:
    if not width > 0:
        raise InputError(
            f"the {name} of the continuum must be positive",
            value=width,
            expected="km/s above zero",
            fix="leave it at its default",
        )


def reach_of(method: str) -> float:
    """How far beyond a range [km/s] a template is needed for the continuum in it, 'smooth' or 'pseudo'."""
    return DEFAULT_SCALE if method == "smooth" else LARGEST_REACH


def padded_slice(wavelength: Array, low: float, high: float, *, reach: float) -> slice:
    """Samples of the increasing `wavelength` in [low, high] and `reach` [km/s] on either side.

    The ends of an envelope are its worst part: cutting to the range only after flattening keeps them outside
    it.
    """
    factor = np.exp(reach / SPEED_OF_LIGHT)
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


def _continuum(wavelength: Array, u: Array, top: Array, temperature: float, curve: Curve) -> Array:
    """Planck times the envelope at each sample (n,) of a segment with block tops `top` (m,) at `u` (m,)."""
    lit = top > 0
    y = np.zeros_like(top)
    y[lit] = np.log(top[lit]) - _log_planck(np.exp(u[lit]), temperature)
    log_ratio = curve(u, y, lit, np.log(wavelength)) if len(u) > 1 else np.full_like(wavelength, y[0])
    return np.exp(log_ratio + _log_planck(wavelength, temperature))


def _pseudo(u: Array, y: Array, lit: NDArray[np.bool_], at: Array, *, span: float) -> Array:
    """The lowest parabolas k x^2 / 2 + a x + b, any a and b, above the `lit` ones of `y` (m,) at `u` (m,).

    Less k x^2 / 2 they are straight lines: the upper concave hull of y - k x^2 / 2. Returned at `at` (n,).
    """
    curvature = 8 * _SAG * (SPEED_OF_LIGHT / span) ** 2
    bow, bow_at = (curvature * (x - u[0]) ** 2 / 2 for x in (u, at))
    corners = _upper_hull(u[lit], (y - bow)[lit])
    return np.interp(at, *corners) + bow_at


def _upper_hull(x: Array, z: Array) -> tuple[Array, Array]:
    """Corners of the least concave function above the points z at increasing x (Andrew's monotone chain)."""
    kept: list[int] = []
    for i in range(len(x)):
        while len(kept) > 1 and _is_below(x, z, kept[-2], kept[-1], i):
            kept.pop()
        kept.append(i)
    return x[kept], z[kept]


def _is_below(x: Array, z: Array, left: int, middle: int, right: int) -> bool:
    """Whether the middle point is not above the straight line from left to right."""
    rise = (z[right] - z[left]) * (x[middle] - x[left])
    return bool((z[middle] - z[left]) * (x[right] - x[left]) <= rise)


def _smooth(u: Array, y: Array, lit: NDArray[np.bool_], at: Array, *, scale: float) -> Array:
    """The asymmetric Whittaker smoother of `y`, returned at `at` (n,)."""
    return np.asarray(CubicSpline(u, _envelope(u, y, lit, scale))(at))


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


def _notes(temperature: float, fitted: bool, method: str, width: float, n_segments: int) -> tuple[str, ...]:
    how = "fitted to the upper envelope" if fitted else "the effective temperature given"
    curve = (
        f"divided by a smooth upper envelope that follows waves longer than {width:g} km/s"
        if method == "smooth"
        else f"divided by a pseudo-continuum on the highest points, which spans troughs of {width:g} km/s"
    )
    return (
        f"divided by a black body of {temperature:.0f} K ({how})",
        f"{curve}, in {n_segments} segment(s); values above 1 are kept",
    )
