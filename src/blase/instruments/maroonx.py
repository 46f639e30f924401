"""MAROON-X: its native file, an HDF5 store of pandas, is refused with the remedy; its EPRV form is read.

The store has the frames spec_blue, spec_red, header_blue and header_red; each cell of the columns
wavelengths [nm], optimal_extraction and optimal_var, by fibre and order, is an array, which pandas can only
pickle. Loading a pickle runs whatever its author put in. The translator of the EPRV standard makes FITS
files of the two cameras (`rvdata/instruments/maroonx/level2.py` of github.com/EPRV-RCN/RVData), which
`blase.instruments.eprv` reads.
"""

from __future__ import annotations

from pathlib import Path

from blase.containers.hdf5 import is_hdf5
from blase.containers.spectrum import EchelleSpectrum
from blase.errors import InputError
from blase.instruments.base import FileHead, ReadOptions

_FRAMES = (b"spec_blue", b"spec_red")


class MaroonXReader:
    """Recognises native files of MAROON-X, to say what to do with them."""

    name = "maroon-x"

    def recognises(self, head: FileHead) -> bool:
        """Whether it is HDF5 with the frame of either camera."""
        return is_hdf5(head.start) and any(name + b"\0" in head.start for name in _FRAMES)

    def read(self, path: Path, options: ReadOptions) -> EchelleSpectrum:
        """Raises InputError: arrays of such a file are pickled, and nothing is unpickled."""
        raise InputError(
            "a native file of MAROON-X keeps its arrays as pickled objects, which are never loaded",
            path=path,
            value="an HDF5 store of pandas with spec_blue and spec_red",
            expected="a FITS file of one camera in the EPRV standard",
            fix="translate it with the package rvdata: mx = rvdata.instruments.maroonx.level2.MAROONXRV2(); "
            "mx.createL2(FILE, BLAZE); mx.write_camera_fits(FILE), and read maroonxblue_SL2_*.fits or "
            "maroonxred_SL2_*.fits",
        )
