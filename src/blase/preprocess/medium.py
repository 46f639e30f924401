"""Air to vacuum, for a spectrum that was read as if its wavelengths were in vacuum."""

from __future__ import annotations

from dataclasses import replace

from blase.containers.order import Order
from blase.containers.spectrum import EchelleSpectrum
from blase.functional.air import air_to_vacuum


def from_air(spectrum: EchelleSpectrum) -> EchelleSpectrum:
    """The spectrum with wavelengths that were in air, though not said to be, turned into vacuum.

    A spectrum that was read as air has been converted already, and comes back as it is. The frame is left
    alone: the refractive index is applied to the wavelengths of the file, as pipelines apply it.
    """
    if spectrum.metadata.medium_as_read == "air":
        return spectrum
    orders = tuple(map(_converted, spectrum.orders))
    changed = replace(spectrum, orders=orders).with_metadata(medium_as_read="air")
    return changed.with_history("wavelengths taken for air and turned into vacuum")


def _converted(order: Order) -> Order:
    edges = None if order.stored_edges is None else air_to_vacuum(order.stored_edges)
    return replace(order, wavelength=air_to_vacuum(order.wavelength), stored_edges=edges)
