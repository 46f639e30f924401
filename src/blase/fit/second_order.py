"""What the curvature of an objective owes to the second derivatives of its lines.

Gauss and Newton leave them out, as if the model were linear. A line that the data hardly determine is far
from it: its absorption is the exponential of ln(strength), so that with a wide prior a step computed without
this term is several times too long below the clone's strength, and too short above it.

The optical depth of a line is its strength times the Voigt profile V, for which the heat equation holds,
dV/d(sigma) = sigma V'' with V'' the second derivative over wavelength, and Laplace's, d2V/d(gamma)2 = -V''
(both follow from V as the convolution of a Gaussian with a Lorentzian). So

- d2/d(ln strength)2 = d/d(ln strength),
- d2/d(centre)2 = d/d(ln sigma) / sigma^2,
- d2/d(ln gamma)2 = d/d(ln gamma) - (gamma / sigma)^2 d/d(ln sigma),

and the gradient of the objective, which is exact, has all that is needed. That of ln(sigma) has no such form.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blase.fit.line_columns import LINE_PARAMETERS
from blase.fit.parameters import ParameterSpace
from blase.model.forward import SpectrumModel
from blase.model.lines import VoigtLines

FloatArray = NDArray[np.float64]

MOST_DAMPED = 1e3
"""gamma over sigma beyond which a line is a Lorentzian, whatever its sigma."""


def line_curvature(model: SpectrumModel, space: ParameterSpace, gradient: FloatArray) -> FloatArray:
    """Diagonal (size,) of the part of the Hessian of half of chi-square that comes from lines' own curvature.

    `gradient` (size,) is that of half of chi-square, without the priors, over the whitened z at the
    parameters of `model`. Exact to first order in the optical depth; zero for all other parameters, and for
    centres and gamma where sigma is not free.
    """
    out = np.zeros(space.size)
    for prefix, part in (("star", model.star), ("atmosphere", model.atmosphere)):
        if part is not None:
            _add_curvature(out, f"{prefix}.lines", part.lines, space, gradient)
    return out


def _add_curvature(
    out: FloatArray, prefix: str, lines: VoigtLines, space: ParameterSpace, gradient: FloatArray
) -> None:
    """Add the curvature of the lines of one absorber to `out` (size,)."""

    def width(kind: str) -> FloatArray:
        return np.asarray(space.priors[f"{prefix}.{kind}"].width.reshape(-1).numpy())

    where = {kind: space.slices.get(f"{prefix}.{kind}") for kind in LINE_PARAMETERS}
    slope = {kind: gradient[s] / width(kind) for kind, s in where.items() if s is not None}
    second = {}
    if "log_strength" in slope:
        second["log_strength"] = slope["log_strength"]
    if "log_sigma" in slope:
        sigma = np.exp((lines.log_sigma + lines.log_sigma_scale).detach().numpy())
        gamma = np.exp((lines.log_gamma + lines.log_gamma_scale).detach().numpy())
        if "centre_shift" in slope:
            second["centre_shift"] = slope["log_sigma"] / sigma**2
        if "log_gamma" in slope:
            ratio = np.minimum(gamma / sigma, MOST_DAMPED)
            second["log_gamma"] = slope["log_gamma"] - ratio**2 * slope["log_sigma"]
    for kind, value in second.items():
        out[where[kind]] = value * width(kind) ** 2
