"""What the columns of a table mean, by their names: wavelength, flux, continuum, and units."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from blase.errors import InputError

_WAVELENGTH = {"wave", "wav", "wavelength", "wavelengths", "lambda", "lam", "wl", "wvl", "wave/freq"}
_WAVENUMBER = {"wavenumber", "wavenumbers", "wavenum"}
_MOLECFIT = ("mlambda", "mtrans")
"""Wavelength [micron, vacuum] and transmission of the model in tables of Molecfit (manual
VLT-MAN-ESO-19550-5772), where `lambda` and `flux` beside them are those of the data."""
_NORMALISED = {"norm", "normalised", "normalized", "transmission", "transmittance", "total", "mtrans"}
_FLUX = {"flux", "fluxes", "flam", "intensity", "spec", "spectrum"}
_CONTINUUM = {"continuum", "cont"}
_UNITS = {
    "a": "Angstrom",
    "aa": "Angstrom",
    "ang": "Angstrom",
    "angstrom": "Angstrom",
    "nm": "nm",
    "um": "um",
}
_UNITS |= {"micron": "um", "microns": "um"}
_MEDIA = {"air": "air", "vac": "vacuum", "vacuum": "vacuum"}


@dataclass(frozen=True)
class Columns:
    """Indices of the columns of a template table; `None` where there is no such column."""

    wavelength: int
    normalised: int | None
    flux: int | None
    continuum: int | None


def name_tokens(name: str) -> list[str]:
    """Lower-case words of a column name: "wave_vac_A" gives wave, vac, a."""
    return [token for token in re.split(r"[^a-z0-9/]+", name.lower()) if token]


def unit_in_name(name: str) -> str | None:
    """Unit of wavelength that a column name carries ("wavelength_A", "lambda (nm)"), or None."""
    return next((_UNITS[token] for token in name_tokens(name)[1:] if token in _UNITS), None)


def medium_in_name(name: str) -> str | None:
    """'air' or 'vacuum' where a column name says so, or None."""
    return next((_MEDIA[token] for token in name_tokens(name) if token in _MEDIA), None)


def is_wavelength(name: str) -> bool:
    """Whether a column of this name holds wavelengths."""
    return bool(_WAVELENGTH & set(name_tokens(name)))


def is_wavenumber(name: str) -> bool:
    """Whether a column of this name holds wavenumbers."""
    return bool(_WAVENUMBER & set(name_tokens(name)))


def is_of_molecfit(names: Sequence[str]) -> bool:
    """Whether a table with these columns has the model of Molecfit."""
    return set(_MOLECFIT) <= {name.lower() for name in names}


def identify_columns(names: Sequence[str], *, path: str | Path | None = None) -> Columns:
    """Roles of the named columns. With just two columns the one beside the wavelength is the flux.

    Raises `InputError`, which lists the names, where there is no wavelength or no flux among them.
    """
    if is_of_molecfit(names):
        lower = [name.lower() for name in names]
        return Columns(lower.index(_MOLECFIT[0]), lower.index(_MOLECFIT[1]), None, None)
    axes = [i for known in (is_wavelength, is_wavenumber) for i, name in enumerate(names) if known(name)]
    wavelength = axes[0] if axes else None
    rest = [i for i in range(len(names)) if i != wavelength]
    normalised, continuum = _first(names, rest, _NORMALISED), _first(names, rest, _CONTINUUM)
    flux = _first(names, [i for i in rest if i not in (normalised, continuum)], _FLUX)
    if len(rest) == 1 and normalised is None and continuum is None:
        flux = rest[0]
    if wavelength is None or (normalised is None and flux is None):
        raise InputError(
            "the columns of the template are not recognised",
            path=path,
            value=", ".join(names),
            expected="a wavelength (wave, lambda) or wavenumber, and one of flux, normalised, transmission",
            fix="rename the columns, for instance to wavelength_A and flux",
        )
    return Columns(wavelength, normalised, flux, continuum)


def _first(names: Sequence[str], candidates: Sequence[int], words: set[str]) -> int | None:
    return next((i for i in candidates if words & set(name_tokens(names[i]))), None)
