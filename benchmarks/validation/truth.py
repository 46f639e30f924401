"""What a simulated star is like: other than its template by as much as the fit is to find out."""

from __future__ import annotations

import numpy as np

from blase.fit.priors import LinePriorWidths
from blase.simulation import LineScatter
from blase.simulation.observation import NOMINAL_RESOLVING_POWER

STAR = LineScatter(strength=0.3, sigma=0.1, gamma=0.1, centre=0.2, missing=0.0)
"""How the true lines of the star scatter about the template: strengths and widths in dex, centres in km/s."""
TELLURIC = LineScatter(strength=0.03, sigma=0.0, gamma=0.05, centre=0.03, missing=0.0)
"""The same of the atmosphere, beside the common factor on all its strengths."""


def _widths(scatter: LineScatter) -> LinePriorWidths:
    """What a fit would believe of the lines if it knew their scatter."""
    ln10 = float(np.log(10))
    return LinePriorWidths(
        centre_shift=scatter.centre,
        log_strength=scatter.strength * ln10,
        log_sigma=scatter.sigma * ln10,
        log_gamma=scatter.gamma * ln10,
    )


STAR_WIDTHS, TELLURIC_WIDTHS = _widths(STAR), _widths(TELLURIC)
RELATIVE_ERROR = 0.03
"""Error of the resolving power that the fit is told, and true scatter about what it is told."""
BELIEVED = (NOMINAL_RESOLVING_POWER, RELATIVE_ERROR * NOMINAL_RESOLVING_POWER)
"""Resolving power that the fit is told, with its error."""
VSINI = (1.0, 3.0, 10.0, 40.0)
"""Projected rotations [km/s] that take turns from draw to draw."""


def true_vsini(number: int) -> float:
    """Projected rotation [km/s] of a draw."""
    return VSINI[number % len(VSINI)]


def true_resolving_power(number: int) -> float:
    """Resolving power of a draw: from what the fit believes of it."""
    drawn = np.random.default_rng([number, 7]).standard_normal()
    return float(NOMINAL_RESOLVING_POWER * np.exp(RELATIVE_ERROR * drawn))
