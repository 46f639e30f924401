"""From containers to tensors: the pixels, grids and lines of every order to be fitted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from blase.cloning.clone import Clone
from blase.constants import SPEED_OF_LIGHT
from blase.containers.line_list import LineList
from blase.containers.spectrum import EchelleSpectrum, Order
from blase.errors import InputError, naming
from blase.functional.doppler import doppler_factor
from blase.functional.grid import log_grid
from blase.functional.line_spread import velocity_sigma
from blase.functional.optical_depth import Sampling, sampling
from blase.functional.pixels import PixelWeights, pixel_weights
from blase.functional.reach import reaching

FloatArray = NDArray[np.float64]
Grid = tuple[Sampling, PixelWeights]
"""Model grid of an order, and the weights that integrate it over the pixels."""

GRID_STEP = 0.5
"""Velocity step of the model grid [km/s] for the widths of cool stars; narrower lines make it finer."""
FINEST_STEP = 0.1


@dataclass(frozen=True)
class Pixels:
    """One order as tensors (n_pixels,): flux over `scale`, its error, which pixels are used, the blaze.

    `edges` (n_pixels + 1,) are midpoints of the centres; over `bounds` (n_pixels, 2), the lower and upper
    edge of each pixel [Angstrom], the model is integrated. `noise_length` is the mean number of pixels that
    share noise.
    """

    row: int
    wavelength: FloatArray
    edges: FloatArray
    bounds: FloatArray
    flux: Tensor
    sigma: Tensor
    used: Tensor
    blaze: Tensor | None
    scale: float
    flux_as_read: FloatArray
    uncertainty_as_read: FloatArray
    noise_length: float

    @property
    def n_used(self) -> int:
        """Number of pixels that are fitted."""
        return int(self.used.sum())


def select_orders(
    spectrum: EchelleSpectrum, orders: list[int] | None, wavelength_range: tuple[float, float] | None
) -> EchelleSpectrum:
    """The orders and the range a user asked for."""
    chosen = spectrum if orders is None else spectrum.select(orders)
    return chosen if wavelength_range is None else chosen.crop(*wavelength_range)


def usable_orders(spectrum: EchelleSpectrum) -> tuple[EchelleSpectrum, list[str]]:
    """The orders that can be fitted, and of every other one what is wrong with it.

    Raises
    ------
    InputError
        for the first order, where none can be fitted.
    """
    kept, wrong = [], []
    for order in spectrum.orders:
        try:
            order.require_usable()
            to_pixels(order)
            kept.append(order)
        except InputError as error:
            wrong.append(error)
    if not kept:
        with naming(spectrum.metadata.path):
            raise wrong[0]
    return replace(spectrum, orders=tuple(kept)), [f"{error.problem} ({error.value})" for error in wrong]


def to_pixels(order: Order) -> Pixels:
    """Tensors of one order; masked pixels get harmless numbers and are not used."""
    good = ~order.mask & np.isfinite(order.flux) & np.isfinite(order.uncertainty)
    blaze = None if order.blaze is None else np.where(np.isfinite(order.blaze), order.blaze, 1.0)
    level = order.flux[good] if blaze is None else order.flux[good] / blaze[good]
    scale = float(np.median(level))
    if not scale > 0:
        raise InputError(
            f"{order.label}: the median flux is not positive",
            value=scale,
            expected="a spectrum with light in it",
            fix="choose another order with --order",
        )
    return Pixels(
        row=order.row,
        wavelength=order.wavelength,
        edges=order.edges(),
        bounds=order.bounds(),
        flux=torch.from_numpy(np.where(good, order.flux, 0.0) / scale),
        sigma=torch.from_numpy(np.where(good, order.uncertainty, 1.0) / scale),
        used=torch.from_numpy(good.copy()),
        blaze=None if blaze is None else torch.from_numpy(blaze.copy()),
        scale=scale,
        flux_as_read=order.flux,
        uncertainty_as_read=order.uncertainty,
        noise_length=1.0 if order.noise_length is None else float(np.mean(order.noise_length[good])),
    )


def without(pixels: Pixels, unused: NDArray[np.bool_]) -> Pixels:
    """The same order with further pixels left out of the fit."""
    return replace(pixels, used=pixels.used & ~torch.from_numpy(unused))


def grid_step(*lines: LineList) -> float:
    """Velocity step [km/s] at which the narrowest line has at least one sample per half width.

    A Gaussian with one sample per sigma is summed to exp(-2 pi^2) = 3e-9 of its strength; saturation and
    Lorentzian cores need more, but the narrowest line is far narrower than most.
    """
    narrowest = min(
        (float(np.min(np.hypot(part.sigma, part.gamma))) for part in lines if len(part)), default=1.0
    )
    return float(np.clip(narrowest, FINEST_STEP, GRID_STEP))


def order_grid(pixels: Pixels, *, step: float, margin: float, resolving_power: float) -> Grid:
    """Model grid of an order, wider than its pixels by `margin` [km/s] plus the reach of the line spread."""
    reach = margin + 7 * float(velocity_sigma(resolving_power)) + 20 * step
    factor = 1 + reach / SPEED_OF_LIGHT
    grid = log_grid(float(pixels.edges[0]) / factor, float(pixels.edges[-1]) * factor, step=step)
    return sampling(grid), pixel_weights(grid, pixels.bounds)


def lines_that_matter(
    lines: LineList, wavelength: FloatArray, velocity: float, *, gain: float = 1.0
) -> Tensor:
    """Indices of the lines that reach the grid `wavelength` (n,) when they move at `velocity` [km/s].

    `gain` multiplies strength times gamma, for lines that may yet grow.
    """
    factor = float(doppler_factor(velocity))
    per_velocity = lines.centre * factor / SPEED_OF_LIGHT
    return reaching(
        wavelength,
        centre=lines.centre * factor,
        strength=lines.strength * gain,
        sigma=lines.sigma * per_velocity,
        gamma=lines.gamma * per_velocity,
    )


def uncovered(pixels: Pixels, clone: Clone, velocity: float) -> NDArray[np.bool_]:
    """Pixels (n_pixels,) whose rest wavelength is outside the template when the star moves at `velocity`."""
    rest = pixels.wavelength / float(doppler_factor(velocity))
    inside = np.zeros(rest.size, dtype=bool)
    for low, high in clone.segments:
        inside |= (rest >= low) & (rest <= high)
    return ~inside
