"""Standard errors of what a fit reports, from the second moments of its posterior.

The posterior is Gaussian about the most probable parameters (Laplace's approximation), all else marginalised:
the error of a velocity contains the freedom of every line centre, that of a strength the continuum.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import truncnorm

from blase.fit.data_space import DataSpace
from blase.fit.depth_variance import depth_variance
from blase.fit.equivalent_width import equivalent_width
from blase.fit.line_columns import LINE_PARAMETERS
from blase.pipeline.solve import Solved

FloatArray = NDArray[np.float64]
_STEP = 1e-4
"""Step of the logarithms in the derivatives of an equivalent width."""
_EVERY = 2
"""Samples of the stellar template from one whose variance is computed to the next (0.5 km/s): between them
errors are within a few per cent of the interpolated ones."""


def scalar_error(solved: Solved, name: str) -> float | None:
    """Standard error of the scalar model parameter `name`, in its own unit; None where it is held."""
    where = solved.normal_space.slices.get(name)
    if where is None:
        return None
    return float(np.sqrt(solved.posterior.variance[where.start])) * float(
        solved.normal_space.priors[name].width
    )


def vector_errors(solved: Solved, name: str) -> FloatArray | None:
    """Standard errors of the entries of the parameter `name`; None where it is held."""
    where = solved.normal_space.slices.get(name)
    if where is None:
        return None
    width = solved.normal_space.priors[name].width.reshape(-1).numpy()
    return np.asarray(np.sqrt(solved.posterior.variance[where]) * width)


def upper_limit(solved: Solved, name: str) -> float:
    """95 % upper limit of a parameter that cannot be negative, from its posterior cut at zero.

    At the bound the posterior is centred below it: the slope of the objective there says how far.
    """
    space, z = solved.objective.space, solved.solution.z
    where, width = space.slices[name].start, float(space.priors[name].width)
    value = float(space.priors[name].mean) + width * float(z[where])
    deviation = width * float(np.sqrt(solved.posterior.variance[where]))
    slope = float(solved.objective.value_and_gradient(z)[1][where]) / width
    centre = value - deviation**2 * slope
    return float(truncnorm.ppf(0.95, -centre / deviation, np.inf, loc=centre, scale=deviation))


def line_covariances(solved: Solved, prefix: str, count: int) -> FloatArray:
    """Covariances (count, 4, 4) of `LINE_PARAMETERS` of every line of `prefix`, shared scales included.

    The first parameter is in km/s, the others are natural logarithms of what the line has in the end.
    """
    part = solved.model.star if prefix == "star" else solved.model.atmosphere
    assert part is not None
    out = np.zeros((count, 4, 4))
    for scale, which in part.lines.strength_scales():
        out[which] = _line_covariances(solved, prefix, count, which.numpy(), f"{prefix}.lines.{scale}")
    return out


def _line_covariances(
    solved: Solved, prefix: str, count: int, which: NDArray[np.int64], strength_scale: str
) -> FloatArray:
    """Those of the lines `which` (m,) out of `count`, whose strengths share the parameter
    `strength_scale`.
    """
    posterior, space = solved.posterior, solved.normal_space
    entry, width = np.full((count, 4), -1, dtype=np.int64), np.zeros((count, 4))
    shared, shared_width = np.full(4, -1, dtype=np.int64), np.zeros(4)
    for k, kind in enumerate(LINE_PARAMETERS):
        where = space.slices.get(f"{prefix}.lines.{kind}")
        if where is not None:
            entry[:, k] = np.arange(where.start, where.stop)
            width[:, k] = space.priors[f"{prefix}.lines.{kind}"].width.reshape(-1).numpy()
        name = strength_scale if kind == "log_strength" else f"{prefix}.lines.{kind}_scale"
        scale = space.slices.get(name)
        if scale is not None:
            shared[k] = int(np.flatnonzero(posterior.shared_index == scale.start)[0])
            shared_width[k] = float(space.priors[name].width)
    entry, width = entry[which], width[which]
    own, cross = _own_moments(solved, entry)
    own = own * width[:, :, None] * width[:, None, :]
    has = shared >= 0
    mixed = np.zeros((which.size, 4, 4))  # of a line's parameter k with the scale of parameter l
    mixed[:, :, has] = cross[:, :, shared[has]] * width[:, :, None] * shared_width[has]
    common = np.zeros((4, 4))
    place = np.searchsorted(posterior.dense_index, posterior.shared_index[shared[has]])
    common[np.ix_(has, has)] = posterior.dense.inverse(place, place) * np.outer(
        shared_width[has], shared_width[has]
    )
    return np.asarray(own + mixed + mixed.transpose(0, 2, 1) + common)


def _own_moments(solved: Solved, entry: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
    """Whitened covariances (n, 4, 4) of lines with the entries `entry`, and (n, 4, k) with shared ones."""
    posterior = solved.posterior
    shared = np.searchsorted(posterior.dense_index, posterior.shared_index)
    row_of = np.full(solved.objective.space.size, -1, dtype=np.int64)
    free = posterior.entry >= 0
    row_of[posterior.entry[free]] = np.nonzero(free)[0]
    row = np.where(entry >= 0, row_of[entry], -1).max(axis=1, initial=-1)
    own, cross = np.zeros((len(entry), 4, 4)), np.zeros((len(entry), 4, shared.size))
    single = row >= 0
    own[single], cross[single] = posterior.lines[row[single]], posterior.cross[row[single]]
    for j in np.flatnonzero(~single & (entry >= 0).any(axis=1)):  # very broad lines are dense themselves
        k = np.flatnonzero(entry[j] >= 0)
        place = np.searchsorted(posterior.dense_index, entry[j, k])
        own[j][np.ix_(k, k)] = posterior.dense.inverse(place, place)
        cross[j, k] = posterior.dense.inverse(place, shared)
    return own, cross


def equivalent_width_errors(
    strength: FloatArray, *, sigma: FloatArray, gamma: FloatArray, covariance: FloatArray
) -> FloatArray:
    """Standard errors (n,) of the equivalent widths of lines, to first order.

    `covariance` (n, 4, 4) as from `line_covariances`; the rest as `equivalent_width`, in one unit.
    """
    slope = equivalent_width_slopes(strength, sigma=sigma, gamma=gamma)
    return np.asarray(np.sqrt(np.einsum("nk,nkl,nl->n", slope, covariance, slope).clip(min=0)))


def equivalent_width_slopes(strength: FloatArray, *, sigma: FloatArray, gamma: FloatArray) -> FloatArray:
    """Derivatives (n, 4) of the equivalent widths of lines by `LINE_PARAMETERS`, all in one unit.

    The width is homogeneous of degree one in all three, which gives the derivative by sigma from the other
    two (Euler).
    """

    def width(a: float, g: float) -> FloatArray:
        return equivalent_width(strength * np.exp(a), sigma=sigma, gamma=gamma * np.exp(g))

    by_strength = (width(_STEP, 0) - width(-_STEP, 0)) / (2 * _STEP)
    by_gamma = (width(0, _STEP) - width(0, -_STEP)) / (2 * _STEP)
    by_sigma = width(0, 0) - by_strength - by_gamma
    return np.stack([np.zeros_like(by_sigma), by_strength, by_sigma, by_gamma], axis=1)


def template_errors(
    solved: Solved, system: DataSpace, wavelength: FloatArray, spectrum: FloatArray
) -> FloatArray:
    """Standard errors (n,) of the star's `spectrum` exp(-tau) on `wavelength`, rest frame, to first order.

    `system` is the linearised model at the solution.
    """
    star = solved.model.star
    assert star is not None
    some = np.append(np.arange(0, wavelength.size - 1, _EVERY), wavelength.size - 1)
    at = wavelength[some]
    variance = depth_variance(system, solved.normal_space, star.lines, at, dense=solved.posterior.dense)
    return np.asarray(spectrum * np.interp(wavelength, at, np.sqrt(variance)))
