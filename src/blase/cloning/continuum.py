"""The continuum by which a cloned template was divided, kept with its lines and in their directory."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.table import Table
from numpy.typing import NDArray

from blase.containers.atomic import atomic_file
from blase.errors import InputError
from blase.templates.template import Template

FloatArray = NDArray[np.float64]
TOLERANCE = 1e-6
"""Largest departure, relative, of a stored continuum from the one that was divided out."""


@dataclass(frozen=True, eq=False)
class Continuum:
    """Straight lines between nodes.

    Parameters
    ----------
    wavelength : (m,) nodes, increasing vacuum Angstrom.
    flux : (m,) continuum there, in `unit`.
    unit : as the template states it, "" where it does not.
    """

    wavelength: FloatArray
    flux: FloatArray
    unit: str = ""

    def __call__(self, wavelength: FloatArray) -> FloatArray:
        """The continuum at `wavelength` (n,) [vacuum Angstrom], in `unit`; NaN beyond the outer nodes."""
        return np.interp(wavelength, self.wavelength, self.flux, left=np.nan, right=np.nan)

    def write(self, path: Path) -> None:
        """Write an ECSV table of the nodes."""
        table = Table(meta={"wavelength_medium": "vacuum", "flux_unit": self.unit})
        table["wavelength"] = self.wavelength * u.AA
        table["continuum"] = self.flux
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", u.UnitsWarning)  # of units that are written in an odd way
            table["continuum"].unit = u.Unit(self.unit, parse_strict="silent")
        with atomic_file(path) as temporary:
            table.write(temporary, format="ascii.ecsv", overwrite=True)

    @classmethod
    def read(cls, path: Path) -> Continuum:
        """Read what `write` wrote. Raises `InputError` where it is no such table."""
        try:
            table = Table.read(path, format="ascii.ecsv")
            wavelength, flux = (np.asarray(table[name], np.float64) for name in ("wavelength", "continuum"))
            if not (len(wavelength) > 1 and np.isfinite(flux).all() and (np.diff(wavelength) > 0).all()):
                raise ValueError("nodes that do not increase, or are no numbers")
            return cls(wavelength, flux, table.meta["flux_unit"])
        except Exception as error:  # astropy raises many kinds for a malformed file
            raise InputError(
                "the continuum of a clone cannot be read",
                path=path,
                value=str(error).splitlines()[0] if str(error) else type(error).__name__,
                expected="the table that blase clone writes",
                fix="clone the template again, or delete this table: no fit needs it",
            ) from error


def continuum_of(template: Template) -> Continuum | None:
    """The continuum of `template` on as few samples as reproduce it within 1e-6, or None."""
    if np.all(template.continuum == 1.0):
        return None
    nodes = [
        _nodes(template.wavelength[part], template.continuum[part]) + part.start
        for part in template.segments()
    ]
    kept = np.concatenate(nodes)
    return Continuum(template.wavelength[kept].copy(), template.continuum[kept].copy(), template.flux_unit)


def _nodes(x: FloatArray, y: FloatArray) -> NDArray[np.int64]:
    """Samples between which straight lines reproduce `y` (n,), found by splitting at the worst until none is
    wrong (Ramer 1972, Douglas & Peucker 1973).
    """
    kept, waiting = {0, len(x) - 1}, [(0, len(x) - 1)]
    while waiting:
        first, last = waiting.pop()
        inside = slice(first, last + 1)
        line = np.interp(x[inside], x[[first, last]], y[[first, last]])
        wrong = np.abs(line - y[inside]) - TOLERANCE * np.abs(y[inside])
        worst = first + int(np.argmax(wrong))
        if wrong[worst - first] > 0:
            kept.add(worst)
            waiting += [(first, worst), (worst, last)]
    return np.array(sorted(kept), dtype=np.int64)
