"""Containers at the border: spectra and line lists with their units, frames and history."""

from blase.containers.line_list import LineList
from blase.containers.spectrum import EchelleSpectrum, Metadata, Order, from_arrays
from blase.containers.units import parse_wavelength_unit, to_vacuum_angstrom

__all__ = [
    "EchelleSpectrum",
    "LineList",
    "Metadata",
    "Order",
    "from_arrays",
    "parse_wavelength_unit",
    "to_vacuum_angstrom",
]
