"""Relativistic Doppler shift. Velocities are in km/s and positive for a receding source (redshift)."""

from __future__ import annotations

from typing import TypeVar

from torch import Tensor

from blase.constants import SPEED_OF_LIGHT

Real = TypeVar("Real", float, Tensor, float | Tensor)


def doppler_factor(velocity: Real) -> Real:
    """D_v = lambda_observed / lambda_rest = sqrt((1 + v/c) / (1 - v/c)), for |v| < c.

    Parameters
    ----------
    velocity : v [km/s], any shape; positive recedes.
    """
    beta = velocity / SPEED_OF_LIGHT
    return ((1.0 + beta) / (1.0 - beta)) ** 0.5


def velocity_from_factor(factor: Real) -> Real:
    """The inverse of `doppler_factor`: v = c (D^2 - 1) / (D^2 + 1) [km/s], for D > 0.

    The numerator is computed as (D - 1)(D + 1), which keeps small velocities accurate.
    """
    return SPEED_OF_LIGHT * ((factor - 1.0) * (factor + 1.0)) / (factor * factor + 1.0)


def compose_velocities(v_observed: Real, barycentric_velocity: Real) -> Real:
    """Barycentric velocity of a source: (1 + v_b/c) = (1 + v_o/c)(1 + BERV/c).

    Written out, v_b = v_o + BERV + v_o BERV / c [km/s]. See Wright & Eastman 2014, PASP 126, 838,
    doi:10.1086/678541, for the product form.

    Parameters
    ----------
    v_observed : v_o [km/s], measured on wavelengths in the observatory's frame.
    barycentric_velocity : BERV [km/s], positive when the observatory moves towards the source.
    """
    return v_observed + barycentric_velocity + v_observed * barycentric_velocity / SPEED_OF_LIGHT
