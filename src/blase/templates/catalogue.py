"""What `blase templates list` shows: templates without a file, grids and their formats, the cache, a
folder.
"""

from __future__ import annotations

from pathlib import Path

from blase.errors import InputError
from blase.templates.download import cache_directory
from blase.templates.library import library

_ALWAYS = (
    ("embedded:star", "a cool dwarf made of lines, 6000-25000 A; ?seed=3 for another"),
    ("embedded:telluric", "an atmosphere over the same range"),
    ("phoenix:?teff=3900&logg=4.5&feh=0", "nearest PHOENIX-ACES point; fetched with --download"),
    ("library:FOLDER?teff=3900&logg=4.5&feh=0", "nearest file of a local library"),
)
_FORMATS = (
    "PHOENIX-ACES FITS; Sonora Bobcat, Cholla, Diamondback (text), Elf Owl (netCDF, needs h5py)",
    "BT-Settl and its kin; MARCS .flx; SYNTHE and POLLUX; Turbospectrum and any two columns",
    "npz (wave_vac with norm, flux, continuum: Korg); FITS table, ECSV, CSV",
    "in Python: arrays, and objects of specutils, gollum and exojax",
)


def catalogue_lines(folder: Path | None = None) -> list[str]:
    """Lines of text; InputError where `folder` is not there."""
    width = max(len(name) for name, _ in _ALWAYS) + 2
    lines = ["without a file", *(f"  {name:<{width}}{what}" for name, what in _ALWAYS)]
    lines += ["formats", *(f"  {what}" for what in _FORMATS)]
    for title, place in (("cache", cache_directory()), ("folder", folder)):
        if place is not None:
            lines += [f"{title} {place}", *_files(place, must_exist=title == "folder")]
    return lines


def _files(folder: Path, *, must_exist: bool) -> list[str]:
    folder = folder.expanduser()
    if must_exist and not folder.is_dir():
        raise InputError(
            "there is no such folder",
            path=folder,
            value="nothing of that name, or a file",
            expected="a folder of templates",
            fix="check the path",
        )
    found = (
        [f"  {path.relative_to(folder)}  {point}" for path, point in library(folder)]
        if folder.is_dir()
        else []
    )
    return found or ["  (no file of a known grid)"]
