"""Spectra of precomputed grids in their own formats: Sonora, BT-Settl, Kurucz and SYNTHE, MARCS.

Each function takes the lines of a text file, its path and, for MARCS, the file of its wavelengths.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blase.containers.hdf5 import all_datasets
from blase.errors import InputError
from blase.templates.raw import RawTemplate

Array = NDArray[np.float64]
GridReader = Callable[[Sequence[str], Path, str | Path | None], RawTemplate]

MARCS_WAVELENGTHS = "flx_wavelengths.vac"
_SETTL = re.compile(r"^\s*\d+\.\d+(?:[DE][+-]\d+)?\s*[+-]?\d+\.\d+D[+-]?\d+", re.IGNORECASE)
_SETTL_NUMBER = re.compile(r"[+-]?\d+\.\d*(?:[DE][+-]?\d+)?", re.IGNORECASE)
_SETTL_SCALE = -8.0
"""DF of F_lambda = 10^(second column + DF) erg s^-1 cm^-2 Angstrom^-1."""
_SONORA = re.compile(r"micron.*flux.*hz", re.IGNORECASE)
_RATIO = 2e-3


def find_grid_reader(lines: Sequence[str]) -> GridReader | None:
    """The reader of a grid's own text format, or None where it is something else."""
    head = [line for line in lines[:6] if line.strip()]
    if any(_SONORA.search(line) for line in head[:4]):
        return read_sonora
    if len(head) > 2 and all(_SETTL.match(line) for line in head):
        return read_bt_settl
    if len(head) > 2 and all(_words(line) == 1 for line in head) and _is_number(head[-1]):
        return read_marcs
    return read_synthe if _is_synthe(lines) else None


def read_sonora(lines: Sequence[str], path: Path, wavelength_file: str | Path | None = None) -> RawTemplate:
    """Sonora Bobcat, Cholla and Diamondback: wavelength [micron], flux per frequency [erg s^-1 cm^-2 Hz^-1].

    Two or three lines of header, the first with the effective temperature; wavelengths fall. Marley et al.
    2021, ApJ 920, 85 (Zenodo 5063476), "README". F_lambda = F_nu c / lambda^2.
    """
    start = next(i for i, line in enumerate(lines) if _SONORA.search(line)) + 1
    data = _columns(lines[start:], path, 2)
    wavelength, per_hertz = data[:, 0], data[:, 1]
    first = re.findall(r"\d+\.?\d*", lines[0])
    return RawTemplate(
        wavelength,
        per_hertz * 2.99792458e18 / (wavelength * 1e4) ** 2,
        normalised=False,
        unit="um",
        medium="vacuum",
        flux_unit="erg / (s cm2 Angstrom)",
        effective_temperature=_temperature(first),
        notes=("read as Sonora: flux per frequency turned into flux per wavelength",),
    )


def read_bt_settl(lines: Sequence[str], path: Path, wavelength_file: str | Path | None = None) -> RawTemplate:
    """BT-Settl, BT-NextGen and others of F. Allard: wavelength [vacuum Angstrom], log10 F_lambda, log10
    B_lambda.

    Columns may touch, exponents are Fortran's D, rows may be out of order. F = 10^(second column - 8) in erg
    s^-1 cm^-2 Angstrom^-1 (Allard, Homeier & Freytag 2012, RSPTA 370, 2765;
    phoenix.ens-lyon.fr/Grids/FORMAT).
    """
    rows = [_SETTL_NUMBER.findall(line)[:2] for line in lines if line.strip() and not line.startswith("#")]
    try:
        data = np.array(
            [[float(word.upper().replace("D", "E")) for word in row] for row in rows], dtype=np.float64
        )
    except ValueError as error:
        raise _unreadable(path, str(error), "wavelength and log10 of the flux in every row") from error
    data = data[np.argsort(data[:, 0], kind="stable")]
    data = data[np.concatenate(([True], np.diff(data[:, 0]) > 0))]
    return RawTemplate(
        data[:, 0].copy(),
        10.0 ** (data[:, 1] + _SETTL_SCALE),
        normalised=False,
        unit="Angstrom",
        medium="vacuum",
        flux_unit="erg / (s cm2 Angstrom)",
        notes=("read as BT-Settl: 10^(log10 flux - 8), rows sorted by wavelength",),
    )


def read_marcs(lines: Sequence[str], path: Path, wavelength_file: str | Path | None = None) -> RawTemplate:
    """MARCS `*.flx`: flux [erg s^-1 cm^-2 Angstrom^-1] alone; wavelengths [vacuum Angstrom] in a file of
    their own.

    That is `flx_wavelengths.vac`, beside the spectrum or given. Gustafsson et al. 2008, A&A 486, 951;
    marcs.oreme.org. Samples are lambda / 20,000 apart: statistical samples of the opacity, not line profiles.
    """
    beside = Path(wavelength_file) if wavelength_file is not None else path.with_name(MARCS_WAVELENGTHS)
    if not beside.is_file():
        raise InputError(
            "the file has one column, and its wavelengths are in another file",
            path=path,
            value=f"no {beside.name} beside it",
            expected=f"the wavelengths of the MARCS fluxes, {MARCS_WAVELENGTHS}",
            fix="put it beside the spectrum, or name it with --wavelength-file (wavelength_file=...)",
        )
    flux = _columns(lines, path, 1)[:, 0]
    wavelength = _columns(beside.read_text(encoding="utf-8").splitlines(), beside, 1)[:, 0]
    if wavelength.size != flux.size:
        raise InputError(
            "the file of wavelengths belongs to other fluxes",
            path=path,
            value=f"{flux.size} fluxes and {wavelength.size} wavelengths",
            expected="one wavelength for every flux",
            fix="name the file that came with these fluxes with --wavelength-file",
        )
    return RawTemplate(
        wavelength,
        flux,
        normalised=False,
        unit="Angstrom",
        medium="vacuum",
        flux_unit="erg / (s cm2 Angstrom)",
        notes=("read as MARCS fluxes: samples of the opacity, not line profiles",),
    )


def read_synthe(lines: Sequence[str], path: Path, wavelength_file: str | Path | None = None) -> RawTemplate:
    """ATLAS / SYNTHE and POLLUX: wavelength, flux, continuum, flux over continuum, in four columns without
    names.

    Recognised by the last column being the ratio of the two before. Nothing says the unit of the wavelengths
    or their medium; the user does. Kurucz 2005, MSAIS 8, 14; Palacios et al. 2010, A&A 516, A13 (POLLUX).
    """
    data = _columns(lines, path, 4)
    return RawTemplate(
        data[:, 0].copy(),
        data[:, 3].copy(),
        normalised=True,
        continuum=data[:, 2].copy(),
        notes=("read as wavelength, flux, continuum and their ratio (SYNTHE, POLLUX)",),
    )


def read_netcdf(path: Path) -> RawTemplate:
    """HDF5 or netCDF 4 with `wavelength` and `flux` (n,), as Sonora Elf Owl: micron and erg s^-1 cm^-2 cm^-1.

    Mukherjee et al. 2024, ApJ 963, 73 (Zenodo 10381250). `wave_vac` [Angstrom] in place of `wavelength` is
    taken as such. Raises InputError where neither is there, and without h5py.
    """
    found = all_datasets(path)
    name = next((key for key in ("wave_vac", "wavelength") if key in found), None)
    if name is None or "flux" not in found or np.shape(found[name]) != np.shape(found["flux"]):
        raise InputError(
            "the datasets are not those of a template",
            path=path,
            value=", ".join(found) or "none",
            expected="wavelength (n,) [micron] or wave_vac (n,) [Angstrom], and flux (n,)",
            fix="save wavelength and flux at the top of the file",
        )
    wavelength, flux = (np.asarray(found[key], dtype=np.float64) for key in (name, "flux"))
    return RawTemplate(
        wavelength,
        flux,
        unit="um" if name == "wavelength" else "Angstrom",
        medium="vacuum",
        notes=(f"read as HDF5: {name} in {'micron' if name == 'wavelength' else 'Angstrom'}, vacuum",),
    )


def _is_synthe(lines: Sequence[str]) -> bool:
    rows = [line for line in lines[:40] if line.strip() and not line.lstrip().startswith(("#", "%", "!"))]
    if len(rows) < 5 or any(_words(row) != 4 for row in rows):
        return False
    try:
        data = np.array([[float(word) for word in row.split()] for row in rows])
    except ValueError:
        return False
    increasing = bool(np.all(np.diff(data[:, 0]) > 0))
    lit = data[:, 2] > 0
    return (
        increasing and bool(lit.all()) and bool(np.all(np.abs(data[:, 1] / data[:, 2] - data[:, 3]) < _RATIO))
    )


def _words(line: str) -> int:
    return len(line.split())


def _is_number(line: str) -> bool:
    try:
        float(line)
    except ValueError:
        return False
    return True


def _temperature(words: list[str]) -> float | None:
    value = float(words[0]) if words else 0.0
    return value if 150.0 <= value <= 50_000.0 else None


def _columns(rows: Sequence[str], path: Path, n: int) -> Array:
    try:
        data = np.loadtxt(
            StringIO("\n".join(row for row in rows if row.strip())), ndmin=2, comments=("#", "%", "!")
        )
    except ValueError as error:
        raise _unreadable(path, str(error).splitlines()[0], f"{n} columns of numbers") from error
    if data.shape[1] < n or len(data) < 2:
        raise _unreadable(path, f"{data.shape[1]} columns, {len(data)} rows", f"{n} columns of numbers")
    return np.asarray(data, dtype=np.float64)


def _unreadable(path: Path, found: str, expected: str) -> InputError:
    return InputError(
        "not a readable template",
        path=path,
        value=found,
        expected=expected,
        fix="copy or download the file again",
    )
