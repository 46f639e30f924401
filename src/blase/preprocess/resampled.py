"""Noise of products that a pipeline resampled: neighbouring samples share that of one detector pixel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from blase.constants import SPEED_OF_LIGHT
from blase.containers.order import Order
from blase.containers.spectrum import EchelleSpectrum
from blase.preprocess.noise_length import interpolated_length, measured_noise_length

FloatArray = NDArray[np.float64]
FLAGGED = (
    "resampled by the pipeline: neighbouring samples share noise, and how many could not be measured from "
    "the flux, so that errors of a fit are smaller than they should be"
)
_INDEPENDENT = 1.2
"""Noise lengths below this are those of independent samples, within the error of their measurement."""


def as_resampled(spectrum: EchelleSpectrum, *, detector_pixel: float | None) -> EchelleSpectrum:
    """The spectrum of a pipeline that made samples of detector pixels of this width [km/s], errors raised
    for it.

    Where samples of width d are finer than pixels of width p, a mean over many of them has p / d times the
    variance that independent ones would give, and uncertainties, those of a pixel, are multiplied by its
    square root. Single samples scatter less than a pixel by 2/3 (`noise_length.interpolated_length`): the
    noise length is 1.5 p / d. Both p and it are kept with the orders: a fit averages its model over p, and
    learns the noise of single samples apart from what they share.

    Where the width is None the noise length L of every order is measured from its flux
    (`noise_length.measured_noise_length`, which needs the resolving power), and uncertainties are multiplied
    by its square root; where that cannot be done, a note says so.
    """
    if detector_pixel is None:
        return _measured(spectrum)
    orders = tuple(_shared(order, detector_pixel) for order in spectrum.orders)
    most = max(_most(order.noise_length) for order in orders)
    note = (
        f"resampled by the pipeline from detector pixels of {detector_pixel:g} km/s: up to "
        f"{most:.2f} neighbouring samples share noise, and uncertainties were raised for it"
    )
    return _raised(spectrum, orders, note)


def _raised(spectrum: EchelleSpectrum, orders: tuple[Order, ...], note: str) -> EchelleSpectrum:
    done = replace(spectrum, orders=orders)
    return done.with_metadata(notes=(*spectrum.metadata.notes, note)).with_history(
        "uncertainties raised for the noise that resampled samples share"
    )


def _most(length: FloatArray | None) -> float:
    return 1.0 if length is None or not length.size else float(length.max())


def _shared(order: Order, detector_pixel: float) -> Order:
    width = np.diff(order.edges()) / order.wavelength * SPEED_OF_LIGHT
    ratio = detector_pixel / width
    return replace(
        order,
        uncertainty=order.uncertainty * np.sqrt(np.maximum(ratio, 1.0)),
        noise_length=interpolated_length(ratio),
        detector_pixel=detector_pixel,
    )


def _measured(spectrum: EchelleSpectrum) -> EchelleSpectrum:
    power = spectrum.metadata.resolving_power
    orders = spectrum.orders
    found = [None if power is None else measured_noise_length(o, resolving_power=power) for o in orders]
    known = [length for length in found if length is not None]
    if not known:
        return spectrum.with_metadata(notes=(*spectrum.metadata.notes, FLAGGED))
    most = max(known, key=lambda length: length.value)
    if most.value < _INDEPENDENT:
        note = f"resampled by the pipeline, but the noise of its samples is independent: {_FROM_FLUX}"
        return spectrum.with_metadata(notes=(*spectrum.metadata.notes, note))
    raised = tuple(_lengthened(o, (n or most).value) for o, n in zip(orders, found, strict=True))
    note = (
        f"resampled by the pipeline: up to {most.value:.2f} neighbouring samples share noise ({most.law}), "
        f"and uncertainties were raised for it; {_FROM_FLUX}"
    )
    return _raised(spectrum, raised, note)


_FROM_FLUX = "measured from the flux at frequencies that the line-spread function does not pass"


def _lengthened(order: Order, length: float) -> Order:
    uncertainty = order.uncertainty * np.sqrt(length)
    return replace(order, uncertainty=uncertainty, noise_length=np.full(len(order), length))
