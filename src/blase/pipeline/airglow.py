"""Airglow in a fit: which lines an order holds, and what is believed of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from blase.atmosphere.airglow import DOPPLER_SIGMA, AirglowLines, airglow_lines
from blase.constants import SPEED_OF_LIGHT
from blase.errors import InputError
from blase.fit.order_columns import airglow_name, airglow_velocity_name
from blase.fit.parameters import Prior
from blase.fit.priors import scalar_prior
from blase.functional.doppler import doppler_factor
from blase.functional.optical_depth import Sampling
from blase.model.airglow import Airglow
from blase.model.forward import SpectrumModel
from blase.pipeline.prepare import Pixels, without

PRIOR = 30.0
"""Width of the prior of every amplitude, about zero [median flux of the order times Angstrom].

It is far from what data can say of a line. A width of 1000 would be as little to the point, but makes the
normal equations so stiff (1e12 beside a prior's 1) that their solution is no minimum of them any more.
"""
VELOCITY_PRIOR = 0.3
"""Width of the prior of the velocity of the lines in an order, about that of the air [km/s]: as far as the
wavelengths of a spectrograph and of the list are off."""
_LORENTZ = 1e-3
"""Half width [km/s] of lines that have none."""
_MASKED = 15.0
"""Velocity [km/s] on both sides of a line that the search for the first velocity does not look at."""


def chosen_airglow(how: str | None, path: str | Path | None) -> AirglowLines | None:
    """The lines to add to a model: `how` is "free", "fixed" or None, `path` a list of the user.

    Raises `InputError` for anything else, and for a list that is not to be used.
    """
    if how not in (None, "free", "fixed"):
        raise InputError(
            "the airglow is neither free nor fixed",
            value=how,
            expected="free or fixed",
            fix="give --airglow free, or leave it away where the sky was taken off",
        )
    if how is None:
        if path is not None:
            raise InputError(
                "a list of airglow lines means nothing without airglow",
                path=path,
                value="--airglow-list without --airglow",
                expected="both",
                fix="give --airglow free as well",
            )
        return None
    lines = airglow_lines(path)
    return lines if how == "free" else lines.together()


def lines_of(airglow: AirglowLines, pixels: Pixels, velocity: float) -> AirglowLines:
    """The lines inside an order when the sky moves at `velocity` [km/s], where they are seen."""
    factor = float(doppler_factor(velocity))
    moved = AirglowLines(airglow.centre * factor, airglow.intensity, airglow.group, airglow.names)
    return moved.within(float(pixels.edges[0]), float(pixels.edges[-1]))


def airglow_module(
    airglow: AirglowLines | None, pixels: Pixels, grid: Sampling, velocity: float
) -> Airglow | None:
    """The emission lines of one order; None where there are none."""
    if airglow is None:
        return None
    lines = lines_of(airglow, pixels, velocity)
    if not len(lines):
        return None
    centre = torch.from_numpy(lines.centre.copy())
    total = np.bincount(lines.group, lines.intensity)
    return Airglow(
        grid,
        centre=centre,
        sigma=centre * (DOPPLER_SIGMA / SPEED_OF_LIGHT),
        gamma=centre * (_LORENTZ / SPEED_OF_LIGHT),
        share=torch.from_numpy(lines.intensity / total[lines.group]),
        group=torch.from_numpy(lines.group),
    )


def airglow_priors(model: SpectrumModel, *, moving: bool) -> dict[str, Prior]:
    """Wide priors of all amplitudes, and where the lines are `moving` those of their velocities.

    Emission that noise makes negative is not forbidden, so not biased.
    """
    found = {}
    for number, order in enumerate(model.orders):
        if order.airglow is not None:
            zero = torch.zeros_like(order.airglow.amplitudes)
            found[airglow_name(number)] = Prior(zero, torch.full_like(zero, PRIOR))
            if moving:
                found[airglow_velocity_name(number)] = scalar_prior(0.0, VELOCITY_PRIOR)
    return found


def away_from(airglow: AirglowLines | None, pixels: Pixels, velocity: float) -> Pixels:
    """The order without the pixels of its airglow lines."""
    if airglow is None:
        return pixels
    near = np.zeros(pixels.wavelength.size, dtype=bool)
    for centre in lines_of(airglow, pixels, velocity).centre:
        near |= np.abs(pixels.wavelength / centre - 1) * SPEED_OF_LIGHT < _MASKED
    return without(pixels, near)
