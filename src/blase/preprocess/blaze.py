"""Dividing the blaze out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from blase.containers.order import Order
from blase.containers.spectrum import EchelleSpectrum
from blase.errors import InputError

FAINTEST = 0.02
"""Pixels whose blaze is below this share of the order's highest are masked."""


def deblaze(spectrum: EchelleSpectrum) -> EchelleSpectrum:
    """The spectrum divided by its blaze, relative to the highest of each order; uncertainty and sky with it.

    The blaze is gone from the container, so that it cannot be divided out twice, and pixels at which it is
    below 2 % of its highest are masked. A fit needs no deblazing: it multiplies the model by the blaze.
    Raises InputError when no order has a blaze.
    """
    if all(order.blaze is None for order in spectrum.orders):
        raise InputError(
            "the blaze is not known",
            path=spectrum.metadata.path,
            value="no order with a blaze",
            expected="a file with a blaze that was not divided out yet",
            fix="leave the deblazing away: the continuum of a fit follows the blaze",
        )
    done = "blaze divided out, relative to the highest of each order"
    return replace(spectrum, orders=tuple(map(_deblazed, spectrum.orders))).with_history(done)


def _deblazed(order: Order) -> Order:
    if order.blaze is None:
        return order
    relative = order.blaze / np.nanmax(order.blaze)
    usable = np.isfinite(relative) & (relative > FAINTEST)
    divisor = np.where(usable, relative, 1.0)
    arrays = {
        name: array / divisor
        for name in ("flux", "uncertainty", "sky", "sky_uncertainty")
        if (array := getattr(order, name)) is not None
    }
    return replace(order, **arrays, mask=order.mask | ~usable, blaze=None)
