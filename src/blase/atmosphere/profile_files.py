"""Read a profile: RFM/MIPAS `.atm`, FITS table, or a text table with named columns."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table
from numpy.typing import NDArray

from blase.atmosphere.isotopologues import MOLECULES
from blase.atmosphere.profile import Profile
from blase.atmosphere.standard import standard_profile
from blase.errors import InputError

FloatArray = NDArray[np.float64]

_ALTITUDE = {"HGT", "Z", "ALTITUDE", "HEIGHT"}
_PRESSURE = {"PRE", "P", "PRESSURE"}
_TEMPERATURE = {"TEM", "T", "TEMPERATURE"}
_COMMENT = re.compile(r"!.*$", re.MULTILINE)
_PPM = 1e-6


def read_profile(path: str | Path) -> Profile:
    """The profile in a file; gases that it lacks are those of the standard atmosphere.

    Altitude in km, pressure in hPa (mb), temperature in K and mixing ratios in parts per million by volume,
    under the names HGT, PRE, TEM (or z, p, t) and the formulae of the molecules: `.atm` files of the RFM and
    MIPAS, FITS tables, and text tables.

    Raises
    ------
    InputError : where the file cannot be read or lacks altitude, pressure or temperature.
    """
    file = Path(path)
    columns = {name.upper(): values for name, values in _columns(file).items()}
    altitude, pressure, temperature = (
        _required(columns, names, file) for names in (_ALTITUDE, _PRESSURE, _TEMPERATURE)
    )
    standard = standard_profile()
    ratios = {}
    for name in MOLECULES.values():
        if name in columns:
            ratios[name] = columns[name] * _PPM
        else:
            ratios[name] = np.interp(altitude, standard.altitude, standard.mixing_ratio[name])
    return Profile(str(file), altitude, pressure, temperature, ratios)


def _columns(path: Path) -> dict[str, FloatArray]:
    try:
        content = path.read_bytes()
        if content.startswith(b"SIMPLE"):
            with fits.open(path, memmap=False) as hdus:
                table = next(hdu.data for hdu in hdus if isinstance(hdu, fits.BinTableHDU))
                return {name: np.asarray(table[name], dtype=np.float64) for name in table.names}
        text = content.decode()
        if "*HGT" in text.upper():
            return _atm(text)
        read = Table.read(text, format="ascii")
        return {name: np.asarray(read[name], dtype=np.float64) for name in read.colnames}
    except (OSError, StopIteration, UnicodeDecodeError, ValueError, IndexError) as error:
        raise _unreadable(path, str(error) or type(error).__name__) from error


def _atm(text: str) -> dict[str, FloatArray]:
    """Columns of an RFM atmosphere: blocks `*NAME [unit]` of numbers between blanks or commas."""
    columns = {}
    for block in _COMMENT.sub("", text).split("*")[1:]:
        heading, _, numbers = block.partition("\n")
        name = heading.split()[0]
        if name.upper() == "END":
            break
        columns[name] = np.array(numbers.replace(",", " ").split(), dtype=np.float64)
    return columns


def _required(columns: dict[str, FloatArray], names: set[str], path: Path) -> FloatArray:
    found = next((columns[name] for name in columns if name in names), None)
    if found is None:
        raise _unreadable(path, f"columns {', '.join(columns)}")
    return found


def _unreadable(path: Path, found: str) -> InputError:
    return InputError(
        "is not an atmospheric profile",
        path=path,
        value=found,
        expected="columns HGT [km], PRE [hPa], TEM [K] and mixing ratios [ppmv] by molecule, upwards",
        fix="give an RFM/MIPAS .atm file, a FITS table or a CSV with these names, or leave --profile away",
    )
