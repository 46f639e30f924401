"""Taking off the sky that a second fibre, or the slit beside the star, gave."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from blase.containers.order import Order
from blase.containers.spectrum import EchelleSpectrum
from blase.errors import InputError

_THROUGHPUT = "the sky was subtracted as it is; its fibre's throughput may differ from the science fibre's"


def subtract_sky(spectrum: EchelleSpectrum, *, scale: float = 1.0) -> EchelleSpectrum:
    """The spectrum without its sky: F - k S, with variance sigma_F^2 + k^2 sigma_S^2.

    Parameters
    ----------
    scale : k, the throughput of the science fibre over that of the sky fibre.

    Orders without a sky stay as they are. A sky that is taken off is gone from the container, so that it
    cannot be subtracted twice. Where the sky has no uncertainty of its own none is added. Raises InputError
    when no order has a sky.
    """
    if not (np.isfinite(scale) and scale > 0):
        raise InputError(
            "the scale of the sky is not a positive number",
            value=scale,
            expected="the ratio of throughputs, science over sky, e.g. 1.0",
            fix="pass scale=1.0",
        )
    if all(order.sky is None for order in spectrum.orders):
        raise InputError(
            "there is no sky to subtract",
            path=spectrum.metadata.path,
            value="no order with a sky spectrum",
            expected="a file with a sky fibre, from which it was not yet subtracted",
            fix="leave --sky subtract (sky='subtract') away",
        )
    orders = tuple(_without_sky(order, scale) for order in spectrum.orders)
    notes = tuple(note for note in spectrum.metadata.notes if "sky was not subtracted" not in note)
    done = f"sky subtracted, times {scale:g}"
    return replace(spectrum, orders=orders).with_metadata(notes=(*notes, _THROUGHPUT)).with_history(done)


def _without_sky(order: Order, scale: float) -> Order:
    if order.sky is None:
        return order
    error = 0.0 if order.sky_uncertainty is None else order.sky_uncertainty
    return replace(
        order,
        flux=order.flux - scale * order.sky,
        uncertainty=np.hypot(order.uncertainty, scale * error),
        sky=None,
        sky_uncertainty=None,
    )
