"""The frame of the wavelengths, observatory or barycentre; the container knows which, so nothing is done
twice.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from blase.constants import SPEED_OF_LIGHT
from blase.containers.metadata import require_frame
from blase.containers.order import Order
from blase.containers.spectrum import EchelleSpectrum
from blase.errors import InputError

_FRAMES = ("observatory", "barycentric")


def to_frame(spectrum: EchelleSpectrum, frame: str, *, berv: float | None = None) -> EchelleSpectrum:
    """The spectrum with its wavelengths in `frame`, 'observatory' or 'barycentric'.

    lambda_bary = lambda_obs (1 + BERV / c), since (1 + v_bary/c) = (1 + v_obs/c)(1 + BERV/c). Pixels move,
    nothing is resampled; telluric lines move with them. A spectrum that is in `frame` comes back as it is.

    Parameters
    ----------
    berv : barycentric velocity [km/s], in place of the spectrum's own.

    Raises InputError for a spectrum whose frame is unknown or its star's rest frame, and where no barycentric
    velocity is known.
    """
    path, now = spectrum.metadata.path, spectrum.metadata.frame
    require_frame(frame, path=path)
    if now == frame:
        return spectrum
    if now not in _FRAMES or frame not in _FRAMES:
        raise InputError(
            "the wavelengths cannot be brought to this frame",
            path=path,
            value=f"from {now} to {frame}",
            expected=f"from and to {' or '.join(_FRAMES)}",
            fix="say what the wavelengths are with --frame (frame=...)",
        )
    velocity = spectrum.metadata.barycentric_velocity if berv is None else berv
    if velocity is None or not np.isfinite(velocity):
        raise InputError(
            "the barycentric velocity is not known",
            path=path,
            value=velocity,
            expected="a velocity in km/s, from the header or from time, position and site",
            fix="pass --berv KM_S (berv=...)",
        )
    factor = 1.0 + velocity / SPEED_OF_LIGHT
    factor = factor if frame == "barycentric" else 1.0 / factor
    orders = tuple(_stretched(order, factor) for order in spectrum.orders)
    done = f"wavelengths brought from {now} to {frame} frame with {velocity:.4f} km/s"
    moved = replace(spectrum, orders=orders)
    return moved.with_metadata(frame=frame, barycentric_velocity=float(velocity)).with_history(done)


def _stretched(order: Order, factor: float) -> Order:
    edges = None if order.stored_edges is None else order.stored_edges * factor
    return replace(order, wavelength=order.wavelength * factor, stored_edges=edges)
