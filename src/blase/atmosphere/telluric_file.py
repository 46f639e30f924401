"""The FITS file of a telluric spectrum: one table, `TELLURIC`, which `blase clone --telluric` reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits

from blase.atmosphere.synthesis import TelluricSpectrum
from blase.containers.atomic import atomic_file


def write_telluric(spectrum: TelluricSpectrum, path: str | Path) -> None:
    """Write wavelength, transmission and one column `transmission_<MOLECULE>` each, with how it was made."""
    columns = [
        _column("wavelength", spectrum.wavelength, "Angstrom"),
        _column("transmission", spectrum.transmission, None),
        *(_column(f"transmission_{name}", values, None) for name, values in spectrum.by_molecule.items()),
    ]
    table = fits.BinTableHDU.from_columns(columns, name="TELLURIC")
    _describe(table.header, spectrum)
    with atomic_file(path) as temporary:
        fits.HDUList([fits.PrimaryHDU(), table]).writeto(temporary)


def _column(name: str, values: np.ndarray, unit: str | None) -> fits.Column:
    return fits.Column(name=name, format="D", array=values, unit=unit)


def _describe(header: fits.Header, spectrum: TelluricSpectrum) -> None:
    air, conditions = spectrum.air, spectrum.conditions
    header["MEDIUM"] = ("vacuum", "medium of the wavelengths")
    header["FRAME"] = ("observatory", "frame of the wavelengths, air at rest")
    header["ALTITUDE"] = (conditions.altitude, "[m] of the telescope above sea level")
    header["TEMPERAT"] = (round(float(air.temperature), 6), "[K] at the telescope")
    header["PRESSURE"] = (round(float(air.pressure), 6), "[hPa] at the telescope")
    header["HUMIDITY"] = (round(spectrum.humidity, 6), "[%] relative, at the telescope")
    header["PWV"] = (round(float(air.water), 6), "[mm] precipitable water at the zenith")
    header["AIRMASS"] = (float(air.airmass), "secant of the zenith angle")
    header["PROFILE"] = (spectrum.profile[:60], "")
    header["WINGS"] = (spectrum.wings, "")
    for name, count in spectrum.n_lines.items():
        header[f"N_{name}"] = (count, f"lines of {name} summed")
    for note in spectrum.notes:
        header.add_history(note)
