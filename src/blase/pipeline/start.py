"""Where a fit starts: radial velocity and vsini from the data themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from blase.cloning.template_model import voigt_lines
from blase.constants import SPEED_OF_LIGHT
from blase.containers.line_list import LineList
from blase.fit.velocity_search import SearchOrder, parabola_minimum, shifted_chi_square
from blase.functional.grid import angular_frequency, log_grid
from blase.functional.line_spread import line_spread_transfer, velocity_sigma
from blase.functional.optical_depth import Sampling, sampling
from blase.functional.pixels import pixel_weights
from blase.functional.rotation import rotation_transfer
from blase.pipeline.prepare import Pixels, lines_that_matter

LARGEST_VELOCITY = 300.0
"""Radial velocities [km/s] searched on both sides of zero, or of 50 km/s around a guess."""
NEAR_GUESS = 50.0
_STEP = 0.5
_COARSE = 4  # samples between trials of the first pass: 2 km/s
_VSINI = np.array([0.5, 2, 3, 4, 6, 8, 10, 13, 16, 20, 25, 30, 40, 50, 65, 80, 100])
_DILUTIONS = (0.0, 0.25, 0.5, 1.0)  # of the lines, as the template need not have their true strengths
_FIRST_DILUTIONS = (0.5, 1.0)
"""Of the first pass: lines far too strong would be smeared out by a false rotation, at a false velocity."""
_MOST_ORDERS = 8
"""Orders that the wide search uses: those that tell most of the star. The last refinement uses all."""
_FIRST_VSINI = (5.0, 15.0, 30.0, 60.0)  # of the first pass: from slow to fast rotators


@dataclass(frozen=True)
class Start:
    """Starting values [km/s], and by how much per pixel the star's lines lower chi-square."""

    radial_velocity: float
    vsini: float
    gain: float


def _absorption(grid: Sampling, lines: LineList | None, velocity: float) -> Tensor:
    if lines is None or not len(lines):
        return torch.ones_like(grid.wavelength)
    index = lines_that_matter(lines, grid.array, velocity)
    with torch.no_grad():
        return torch.exp(-voigt_lines(lines)(grid, velocity, index))


def _search_order(
    pixels: Pixels, star: LineList, telluric: LineList | None, wind: float, reach: float
) -> SearchOrder:
    factor = 1 + reach / SPEED_OF_LIGHT
    grid = sampling(log_grid(float(pixels.edges[0]) / factor, float(pixels.edges[-1]) * factor, step=_STEP))
    blaze = torch.ones_like(pixels.flux) if pixels.blaze is None else pixels.blaze
    return SearchOrder(
        star=_absorption(grid, star, 0.0),
        telluric=_absorption(grid, telluric, wind),
        pixels=pixel_weights(grid.wavelength, pixels.bounds),
        wavelength=torch.from_numpy(pixels.wavelength),
        flux=pixels.flux / blaze,
        weight=torch.where(pixels.used, (blaze / pixels.sigma) ** 2, torch.zeros_like(pixels.sigma)),
    )


def _most_telling(orders: list[SearchOrder]) -> list[SearchOrder]:
    """The few orders whose stellar lines, where the air lets them through, stand out most above the noise."""

    def contrast(order: SearchOrder) -> float:
        light = order.star * order.telluric
        signal = (order.weight * order.flux**2).sum()
        return float(signal * ((order.telluric - light) ** 2).mean())

    return sorted(orders, key=contrast, reverse=True)[:_MOST_ORDERS]


def _transfers(orders: list[SearchOrder], resolving_power: float, vsini: float) -> list[Tensor]:
    out = []
    for order in orders:
        k = angular_frequency(order.star.numel(), _STEP)
        blur = line_spread_transfer(k, resolving_power=resolving_power)
        out.append(blur * rotation_transfer(k, vsini_squared=vsini**2, limb_darkening=0.6))
    return out


def _gain(orders: list[SearchOrder], shift: int, transfers: list[Tensor], degree: int) -> float:
    """By how much the star's lines, moved by `shift` samples, lower chi-square at the best dilution."""
    chi = []
    for dilution in _DILUTIONS:
        diluted = _diluted(orders, dilution)
        chi.append(float(shifted_chi_square(diluted, np.array([shift]), transfers, degree)[0]))
    return chi[0] - min(chi)


def _diluted(orders: list[SearchOrder], dilution: float) -> list[SearchOrder]:
    """The same orders, the star's lines `dilution` times as deep."""
    return [replace(order, star=1 - dilution * (1 - order.star)) for order in orders]


def starting_point(
    pixels: list[Pixels],
    star: LineList,
    telluric: LineList | None,
    *,
    resolving_power: float,
    wind_velocity: float,
    continuum_degree: int,
    guess: float | None = None,
) -> Start:
    """Search radial velocity, then vsini, then radial velocity once more, over the orders together.

    `star` holds lines at rest, `telluric` lines at rest that move at `wind_velocity` [km/s]. Trials run over
    +-300 km/s, or +-50 km/s around `guess`. Rotation is applied after the atmosphere here, which is exact
    enough to start from.
    """
    centre = 0.0 if guess is None else guess
    reach = LARGEST_VELOCITY if guess is None else NEAR_GUESS
    margin = abs(centre) + reach + 7 * float(velocity_sigma(resolving_power)) + 120 + 20 * _STEP
    every = [_search_order(p, star, telluric, wind_velocity, margin) for p in pixels]
    orders = _most_telling(every)

    middle = round(centre / _STEP)
    coarse = middle + np.arange(-int(reach / _STEP), int(reach / _STEP) + 1, _COARSE)
    trials = {
        (dilution, vsini): shifted_chi_square(
            _diluted(orders, dilution), coarse, _transfers(orders, resolving_power, vsini), continuum_degree
        )
        for dilution in _FIRST_DILUTIONS
        for vsini in _FIRST_VSINI
    }
    (dilution, _), chi = min(trials.items(), key=lambda trial: np.min(trial[1]))
    best = int(coarse[np.argmin(chi)])
    orders, every = _diluted(orders, dilution), _diluted(every, dilution)

    broadened = [
        shifted_chi_square(
            orders, np.array([best]), _transfers(orders, resolving_power, v), continuum_degree
        )[0]
        for v in _VSINI
    ]
    vsini = float(_VSINI[int(np.argmin(broadened))])
    transfers = _transfers(every, resolving_power, vsini)
    gain = _gain(every, best, transfers, continuum_degree) / sum(p.n_used for p in pixels)
    fine = best + np.arange(-2 * _COARSE, 2 * _COARSE + 1)
    chi = shifted_chi_square(every, fine, transfers, continuum_degree)
    return Start(_to_velocity(parabola_minimum(fine.astype(float), chi)), vsini, gain)


def _to_velocity(samples: float) -> float:
    """Radial velocity whose Doppler factor is a shift by `samples` of the search grid."""
    factor = np.exp(2 * samples * _STEP / SPEED_OF_LIGHT)
    return float(SPEED_OF_LIGHT * (factor - 1) / (factor + 1))
