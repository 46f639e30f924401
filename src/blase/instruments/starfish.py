"""Échelle spectra in the HDF5 layout of Starfish: TRES and others.

Datasets wls [Angstrom], fls, sigmas and optionally masks (1 good, 0 bad), all (orders, pixels); no metadata.
Format: Czekala et al. 2015, ApJ 812, 128, and Starfish's documentation, "Spectrum". The extra `hdf5` is
needed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from blase.containers.hdf5 import datasets, is_hdf5
from blase.containers.spectrum import EchelleSpectrum, from_arrays
from blase.instruments.base import FileHead, ReadOptions
from blase.instruments.fits_arrays import consecutive_orders, rows_of, solved_pixels
from blase.instruments.observation import Observation
from blase.instruments.sites import WHIPPLE

_NAMES = ("wls", "fls", "sigmas")
_TRES_ORDERS = 51


class StarfishReader:
    """Reader of HDF5 files with wls, fls and sigmas."""

    name = "starfish"

    def recognises(self, head: FileHead) -> bool:
        """Whether it is HDF5 with the three datasets; without h5py the names in its first bytes decide."""
        return is_hdf5(head.start) and all(name.encode() + b"\0" in head.start for name in _NAMES)

    def read(self, path: Path, options: ReadOptions) -> EchelleSpectrum:
        """All orders; 51 orders are taken for TRES."""
        found = datasets(path, _NAMES, optional=("masks",))
        columns: dict[str, Any] = {
            "wavelength": rows_of(found["wls"]),
            "flux": rows_of(found["fls"]),
            "uncertainty": rows_of(found["sigmas"]),
            "mask": rows_of(found["masks"]) == 0 if "masks" in found else None,
        }
        columns, _, cut = solved_pixels(columns)
        tres = len(columns["wavelength"]) == _TRES_ORDERS
        observation = Observation(instrument="TRES" if tres else None, site=WHIPPLE if tres else None)
        return from_arrays(
            **columns,
            wavelength_unit=options.wavelength_unit or "Angstrom",
            medium=options.medium or "air",
            frame="unknown",
            echelle_orders=consecutive_orders([np.median(row) for row in columns["wavelength"]]),
            path=str(path),
            flux_unit="",
            **observation.arguments(
                ["read as HDF5 of Starfish: air Angstrom" + ("; 51 orders: TRES" if tres else ""), *cut],
                ["neither target, time nor frame are in the file"],
            ),
        )
