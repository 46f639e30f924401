"""Keck NIRSPEC: tables of the reduction pipeline NSDRP, one order each.

Columns 'wave (A)', 'flux (cnts)', 'noise (cnts)', vacuum Angstrom. The header is empty; the name of the file
is the archive's: NS.<date>.<second of the day, UT>_<order>_flux_tbl.fits. Format: NSDRP's documentation
(github.com/Keck-DataReductionPipelines/NIRSPEC-Data-Reduction-Pipeline), "Data products".
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from astropy.time import Time, TimeDelta
from numpy.typing import NDArray

from blase.containers.spectrum import EchelleSpectrum, from_arrays
from blase.instruments import header as keywords
from blase.instruments.base import FileHead, ReadOptions
from blase.instruments.fits_arrays import numbers, opened, solved_pixels
from blase.instruments.observation import Observation
from blase.instruments.sites import KECK

_WAVELENGTH, _FLUX, _NOISE = "wave (A)", "flux (cnts)", "noise (cnts)"
_NAME = re.compile(r"NS\.(?P<date>\d{8})\.(?P<seconds>\d{5})_(?P<order>\d+)_")


_DETECTOR, _END = 1024, 30
"""Pixels of a whole order, and how many at its red end are masked: in all real files flux falls to nothing
over the last 24 to 30 pixels, where the rectified order leaves the detector.
"""
_MASKED = f"{_END} pixels at the red end masked: there the rectified order leaves the detector"


class NirspecReader:
    """Reader of `NS.*_flux_tbl.fits`."""

    name = "nirspec"

    def recognises(self, head: FileHead) -> bool:
        """Whether there is a table with the three columns of NSDRP."""
        return any({_WAVELENGTH, _FLUX, _NOISE} <= set(hdu.columns) for hdu in head.hdus)

    def read(self, path: Path, options: ReadOptions) -> EchelleSpectrum:
        """The one order in the table."""
        expected = f"a table with columns {_WAVELENGTH}, {_FLUX}, {_NOISE}"
        with opened(path, "an order of NIRSPEC as NSDRP writes it", expected) as hdus:
            values = keywords.header_values(hdus[0].header, hdus[1].header)
            table = hdus[1].data
            columns: dict[str, Any] = {
                "wavelength": [numbers(table[_WAVELENGTH])],
                "flux": [numbers(table[_FLUX])],
                "uncertainty": [numbers(table[_NOISE])],
                "mask": [_falling(len(table))],
            }
        columns, _, cut = solved_pixels(columns)
        named = _NAME.search(path.name)
        observation = Observation(
            instrument="NIRSPEC",
            target=keywords.text(values, "OBJECT"),
            time=named and _start(named),
            time_from="time: start of the exposure, from the name of the file" if named else "time: unknown",
            site=KECK,
            position=keywords.position(values, "RA", "DEC"),
        )
        return from_arrays(
            **columns,
            wavelength_unit=options.wavelength_unit or "Angstrom",
            medium=options.medium or "vacuum",
            frame="observatory",
            echelle_orders=[int(named["order"])] if named else None,
            path=str(path),
            flux_unit="count",
            **observation.arguments(
                ["read as NIRSPEC (NSDRP): vacuum Angstrom, observatory frame", *cut, _MASKED],
                ["flat-fielded by the pipeline, which also took the sky off; telluric lines are in the flux"],
            ),
        )


def _falling(n: int) -> NDArray[np.bool_]:
    """True for the pixels (n,) at the red end of a whole order."""
    return (n == _DETECTOR) & (np.arange(n) >= n - _END)


def _start(named: re.Match[str]) -> Time | None:
    date = named["date"]
    day = keywords.parse_time(f"{date[:4]}-{date[4:6]}-{date[6:]}T00:00:00")
    return None if day is None else day + TimeDelta(float(named["seconds"]), format="sec")
