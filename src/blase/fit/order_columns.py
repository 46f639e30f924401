"""Columns of what belongs to a single order: its continuum, its resolving power, its wavelength correction.

Only the pixels of that order feel them, so that the cost of a fit stays linear in the number of orders.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from blase.fit.light_path import OrderSpectra
from blase.fit.line_blocks import FloatArray
from blase.functional.pixels import integrate_pixels
from blase.model.forward import OrderModel, SpectrumModel
from blase.model.instrument import LineSpread

RESOLVING_POWER = "line_spread.log_resolving_power"


def departure_name(number: int) -> str:
    """Name of the parameter ln R of order `number` less that of all orders."""
    return f"orders.{number}.log_resolving_power_departure"


def correction_name(number: int) -> str:
    """Name of the coefficients of the wavelength correction of order `number`."""
    return f"orders.{number}.wavelength_correction.coefficients"


def airglow_name(number: int) -> str:
    """Name of the amplitudes of the airglow of order `number`."""
    return f"orders.{number}.airglow.amplitudes"


def airglow_velocity_name(number: int) -> str:
    """Name of the velocity of the airglow of order `number`."""
    return f"orders.{number}.airglow.velocity"


def continuum_name(number: int) -> str:
    """Name of the continuum's coefficients of order `number`."""
    return f"orders.{number}.continuum.coefficients"


def own_columns(
    model: SpectrumModel, number: int, spectra: OrderSpectra, by_power: FloatArray | None
) -> dict[str, FloatArray]:
    """Columns (n_pixels, k) of every parameter that order `number` has for itself.

    `by_power` (n_pixels,) is the derivative by ln R of all orders, in which a departure from it acts alike.
    """
    order = model.orders[number]
    with torch.no_grad():
        blurred = order.blur(spectra.rotated * spectra.transmission, model.line_spread)
    found: dict[str, FloatArray] = {}
    if by_power is not None:
        found[departure_name(number)] = by_power[:, None]
    if order.airglow is not None:
        with torch.no_grad():
            emission = torch.cat([order.airglow.profiles(), order.airglow.slope()[None]])
            columns = order.sky(model.line_spread, emission)
        assert isinstance(columns, Tensor)
        found[airglow_name(number)] = np.ascontiguousarray(columns[:-1].numpy().T)
        found[airglow_velocity_name(number)] = np.ascontiguousarray(columns[-1:].numpy().T)
    if order.wavelength_correction is not None:
        slope = displacement_slope(order, blurred, model.line_spread)
        found[correction_name(number)] = (slope[:, None] * order.wavelength_correction.basis).numpy()
    if order.continuum is not None:
        found[continuum_name(number)] = continuum_columns(order, blurred)
    return found


@torch.no_grad()
def continuum_columns(order: OrderModel, blurred: Tensor) -> FloatArray:
    """Columns (n_pixels, degree + 1) of an order's continuum, in which the model is linear."""
    assert order.continuum is not None
    pixels = order.true_pixels()
    seen = blurred if pixels is None else integrate_pixels(blurred, pixels)
    seen = seen if order.blaze is None else seen * order.blaze
    return np.asarray((seen[:, None] * order.continuum.basis).numpy())


def displacement_slope(order: OrderModel, blurred: Tensor, line_spread: LineSpread | None = None) -> Tensor:
    """Derivative (n_pixels,) of the flux of every pixel by its own displacement [km/s].

    `blurred` (n_grid,) is the light of the star; that of the sky is blurred by `line_spread`.
    """
    correction = order.wavelength_correction
    assert correction is not None
    with torch.enable_grad():
        w = correction.displacement().detach().requires_grad_(True)
        (slope,) = torch.autograd.grad(integrate_pixels(blurred, correction(w)).sum(), w)
        sky = torch.zeros_like(slope)
        if order.airglow is not None:
            emission = order.blur(order.airglow().detach(), line_spread).detach()
            (sky,) = torch.autograd.grad(integrate_pixels(emission, correction(w)).sum(), w)
    with torch.no_grad():
        return slope * order.scale() + (sky if order.blaze is None else sky * order.blaze)
