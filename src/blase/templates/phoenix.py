"""Spectra of the PHOENIX-ACES grid: flux in one FITS file, wavelengths in another.

Wavelengths are vacuum Angstrom and flux is at the stellar surface, in erg / s / cm^2 / cm
(Husser et al. 2013, A&A 553, A6, doi:10.1051/0004-6361/201219058).
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from blase.errors import InputError
from blase.templates.download import WAVELENGTH_FILE, cache_directory, fetch, find_cached, phoenix_url
from blase.templates.flatten import LARGEST_REACH, padded_slice
from blase.templates.raw import RawTemplate
from blase.templates.template import overlap

_TEMPERATURE_IN_NAME = re.compile(r"lte(\d{4,5})(?=[+-])")


def temperature_in_name(name: str) -> float | None:
    """Effective temperature [K] in a PHOENIX file name (lte03900-4.50-0.0...), or None."""
    match = _TEMPERATURE_IN_NAME.match(name)
    return float(match.group(1)) if match else None


def find_wavelength_file(
    path: Path, header_name: str | None, *, given: str | Path | None = None, download: bool = False
) -> Path:
    """The wavelength file of the spectrum at `path`.

    Looked for in this order: `given`; the path in the header's WAVE, relative to the spectrum; the file of
    that name beside the spectrum and in each folder above it; the cache; a download, where allowed.

    Raises
    ------
    InputError : where it is nowhere, with its URL and the places to put it.
    """
    if given is not None:
        if not Path(given).is_file():
            raise InputError(
                "there is no such wavelength file",
                path=given,
                value="nothing of that name",
                expected=WAVELENGTH_FILE,
                fix="check --wavelength-file (wavelength_file=...)",
            )
        return Path(given)
    name = Path(header_name).name if header_name else WAVELENGTH_FILE
    near = [path.parent / header_name] if header_name else []
    near += [folder / name for folder in path.resolve().parents]
    for candidate in near:
        if candidate.is_file():
            return candidate
    if download and name == WAVELENGTH_FILE:
        return fetch(phoenix_url(name))
    cached = find_cached(name)
    if cached is not None:
        return cached
    raise InputError(
        f"the wavelengths of this spectrum are in another file, {name}, which was not found",
        path=path,
        value="no wavelengths",
        expected=f"{name} beside the spectrum, in a folder above it, or in {cache_directory()}",
        fix=f"get {phoenix_url(WAVELENGTH_FILE)} and put it there, fetch it with --download "
        "(download=True), or name it with --wavelength-file (wavelength_file=...)",
    )


def read_phoenix(
    path: Path,
    *,
    wavelength_file: str | Path | None = None,
    wavelength_range: tuple[float, float] | None = None,
    download: bool = False,
) -> RawTemplate:
    """Flux of the primary image and its wavelengths; only the range and a margin are read into memory.

    Raises
    ------
    InputError : if the wavelength file is missing or of another length, or the range is not covered.
    """
    if path.name == WAVELENGTH_FILE:
        raise InputError(
            "this is the wavelength file of the grid, not a spectrum",
            path=path,
            value=path.name,
            expected="a spectrum, named lteTTTTT-...-HiRes.fits",
            fix="name the spectrum, and this file with --wavelength-file (wavelength_file=...)",
        )
    with fits.open(path, memmap=True) as hdus:
        header = hdus[0].header
        source = find_wavelength_file(path, header.get("WAVE"), given=wavelength_file, download=download)
        wavelength, unit = _read_wavelength(source)
        _check_lengths(path, hdus[0].shape, source, wavelength)
        part = slice(None)
        if wavelength_range is not None:
            overlap(wavelength, *wavelength_range, path=path)
            part = padded_slice(wavelength, *wavelength_range, reach=LARGEST_REACH)
        flux = np.array(hdus[0].section[part], dtype=np.float64)
        temperature = header.get("PHXTEFF", temperature_in_name(path.name))
    return RawTemplate(
        wavelength[part].copy(),
        flux,
        normalised=False,
        unit=unit,
        medium="vacuum",
        flux_unit=str(header.get("BUNIT", "")),
        effective_temperature=None if temperature is None else float(temperature),
        notes=(f"wavelengths from {source}",),
    )


def _read_wavelength(path: Path) -> tuple[NDArray[np.float64], str]:
    try:
        with fits.open(path, memmap=True) as hdus:
            values = hdus[0].data
            unit = str(hdus[0].header.get("UNIT", "Angstrom"))
            return np.array(values, dtype=np.float64), unit
    except (OSError, TypeError, ValueError) as error:
        raise InputError(
            "not a readable wavelength file",
            path=path,
            value=error,
            expected=WAVELENGTH_FILE,
            fix=f"get {phoenix_url(WAVELENGTH_FILE)} again",
        ) from error


def _check_lengths(path: Path, shape: tuple[int, ...], source: Path, wavelength: NDArray[np.float64]) -> None:
    if len(shape) != 1 or wavelength.shape != shape:
        raise InputError(
            "the spectrum and its wavelength file differ in shape",
            path=path,
            value=f"flux {shape}, wavelength {wavelength.shape} in {source}",
            expected="two one-dimensional images of one length",
            fix="give the wavelength file that belongs to this grid with --wavelength-file",
        )
