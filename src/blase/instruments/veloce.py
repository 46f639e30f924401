"""VELOCE at the Anglo-Australian Telescope, as VeloceReduction writes it.

One table for each échelle order, named CCD_c_ORDER_m, with columns wave_vac and wave_air [Angstrom,
observatory frame], science, science_noise, flat, ... Format: github.com/svenbuder/velocereduction (Buder
2025), module `extraction` and its tutorial.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from astropy.io import fits

from blase.containers.spectrum import EchelleSpectrum, from_arrays
from blase.instruments import header as keywords
from blase.instruments.base import FileHead, ReadOptions
from blase.instruments.fits_arrays import numbers, opened, solved_pixels
from blase.instruments.observation import Observation
from blase.instruments.sites import ANGLO_AUSTRALIAN

_NEEDED = {"SCIENCE", "SCIENCE_NOISE", "WAVE_VAC"}
_ORDER = re.compile(r"ORDER_(\d+)")


class VeloceReader:
    """Reader of `veloce_spectra_*.fits`."""

    name = "veloce"

    def recognises(self, head: FileHead) -> bool:
        """Whether some table has science, science_noise and wave_vac."""
        return any(_is_order(hdu.columns) for hdu in head.hdus)

    def read(self, path: Path, options: ReadOptions) -> EchelleSpectrum:
        """All orders of all detectors, in the order of the file."""
        with opened(path, "a spectrum of VELOCE", f"tables with {', '.join(sorted(_NEEDED))}") as hdus:
            values = keywords.header_values(hdus[0].header)
            tables = [h for h in hdus if isinstance(h, fits.BinTableHDU) and _is_order(h.columns.names)]
            if not tables:
                raise KeyError("no table of an order")
            columns: dict[str, Any] = {
                role: [numbers(hdu.data[name]) for hdu in tables] for role, name in _ROLES.items()
            }
        orders = [int(found[1]) if (found := _ORDER.search(hdu.name)) else None for hdu in tables]
        columns, orders, cut = solved_pixels(columns, orders)
        time, time_from = keywords.exposure_midpoint(values)
        observation = Observation(
            instrument="VELOCE",
            target=keywords.text(values, "OBJECT"),
            time=time,
            time_from=time_from,
            site=ANGLO_AUSTRALIAN,
            position=keywords.position(values, "MEANRA", "MEANDEC"),
            stated_velocity=keywords.number(values, "BARYVEL"),
            stated_in="BARYVEL",
        )
        return from_arrays(
            **columns,
            wavelength_unit=options.wavelength_unit or "Angstrom",
            medium=options.medium or "vacuum",
            frame="observatory",
            echelle_orders=orders,
            path=str(path),
            flux_unit="",
            **observation.arguments(
                ["read as VELOCE (VeloceReduction): vacuum Angstrom, observatory frame", *cut],
                ["telluric lines are in the flux"],
            ),
        )


_ROLES = {"wavelength": "WAVE_VAC", "flux": "SCIENCE", "uncertainty": "SCIENCE_NOISE"}


def _is_order(names: Any) -> bool:
    return {str(name).upper() for name in names} >= _NEEDED
