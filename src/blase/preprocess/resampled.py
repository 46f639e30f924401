"""Noise of products that a pipeline resampled: neighbouring samples share that of one detector pixel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from blase.constants import SPEED_OF_LIGHT
from blase.containers.order import Order
from blase.containers.spectrum import EchelleSpectrum

FloatArray = NDArray[np.float64]
FLAGGED = (
    "resampled by the pipeline: neighbouring samples share noise, and as its detector pixels are not known "
    "here, errors of a fit are smaller than they should be"
)


def as_resampled(spectrum: EchelleSpectrum, *, detector_pixel: float | None) -> EchelleSpectrum:
    """The spectrum of a pipeline that made samples of detector pixels of this width [km/s], errors raised
    for it.

    Where samples of width d are finer than pixels of width p, p / d of them share the noise of one pixel: the
    variance of a mean over many samples is p / d times that of independent ones, and uncertainties are
    multiplied by its square root. Both p and p / d are kept with the orders: a fit averages its model over
    p, and learns the noise of single samples apart from what they share. Where the width is None nothing is
    known, and a note says so.
    """
    if detector_pixel is None:
        return spectrum.with_metadata(notes=(*spectrum.metadata.notes, FLAGGED))
    orders = tuple(_shared(order, detector_pixel) for order in spectrum.orders)
    lengths = np.concatenate([order.noise_length for order in orders if order.noise_length is not None])
    note = (
        f"resampled by the pipeline from detector pixels of {detector_pixel:g} km/s: up to "
        f"{lengths.max():.2f} neighbouring samples share noise, and uncertainties were multiplied by up to "
        f"{np.sqrt(lengths.max()):.3f} for it"
    )
    done = replace(spectrum, orders=orders)
    return done.with_metadata(notes=(*spectrum.metadata.notes, note)).with_history(
        "uncertainties raised for the noise that resampled samples share"
    )


def _shared(order: Order, detector_pixel: float) -> Order:
    width = np.diff(order.edges()) / order.wavelength * SPEED_OF_LIGHT
    length = np.maximum(detector_pixel / width, 1.0)
    return replace(
        order,
        uncertainty=order.uncertainty * np.sqrt(length),
        noise_length=length,
        detector_pixel=detector_pixel,
    )
