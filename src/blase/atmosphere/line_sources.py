"""Where the lines come from: the files named, else those in their usual place, else oxygen as it is
computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from blase.atmosphere.line_files import LineFiles, read_line_files
from blase.atmosphere.oxygen import BANDS, oxygen_lines
from blase.errors import InputError
from blase.templates.download import cache_directory

_FAR = 500.0  # [cm^-1] beyond the range, within which lines are read
_GET = "download them from hitran.org ('line-by-line', 160-character .par)"


def default_line_folder() -> Path:
    """Folder that is searched for line lists where none is named."""
    return cache_directory() / "line-lists"


def find_lines(
    line_lists: Sequence[str | Path] | None, *, wavelength_range: tuple[float, float]
) -> LineFiles:
    """Lines in and about `wavelength_range` [vacuum Angstrom] of all molecules known there.

    `line_lists` are files of HITRAN records or folders of them. Where none is given, and none is in
    `default_line_folder()`, they are those of oxygen alone, and the notes say what to get for the others.

    Raises
    ------
    InputError : where a file is not a line list, or nothing is named and oxygen does not absorb either.
    """
    low, high = wavelength_range
    limits = 1e8 / high - _FAR, 1e8 / low + _FAR
    if line_lists:
        return read_line_files(line_lists, wavenumber_range=limits)
    folder = default_line_folder()
    if folder.is_dir():
        return read_line_files([folder], wavenumber_range=limits)
    lines = oxygen_lines()
    if not ((lines.wavenumber > 1e8 / high) & (lines.wavenumber < 1e8 / low)).any():
        raise InputError(
            "no line list is named, and none is in its usual place",
            path=folder,
            value=f"no such folder, and {low:g} to {high:g} Angstrom",
            expected="a folder with HITRAN records (.par) of H2O, O2, CO2, CH4, ...; or a range in a band of "
            f"oxygen, the one molecule known without: {', '.join(_ranges())} Angstrom",
            fix=f"{_GET} into this folder, or name the files: --line-list PATH",
        )
    inside = lines.take((lines.wavenumber > limits[0]) & (lines.wavenumber < limits[1]))
    note = (
        f"no line list: {len(inside)} lines of O2 alone, computed from its constants; for H2O, CO2, CH4, ... "
        f"{_GET} into {folder}, or name the files: --line-list PATH"
    )
    return LineFiles(inside, (note,))


def _ranges() -> list[str]:
    """First and last strong line of every band of oxygen, by increasing wavelength."""
    found, lines = [], oxygen_lines()
    for band in BANDS[::-1]:
        part = lines.take(abs(lines.wavenumber - band.origin) < 0.5 * _FAR)
        seen = 1e8 / part.wavenumber[part.intensity > 1e-2 * part.intensity.max()]
        found.append(f"{seen.min():.0f} to {seen.max():.0f}")
    return found
