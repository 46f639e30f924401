"""Where the lines come from: the files named, else those in their usual place, else the strongest of oxygen
and water, which are computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from blase.atmosphere.hitran import HitranLines
from blase.atmosphere.line_files import LineFiles, read_line_files
from blase.atmosphere.oxygen import oxygen_lines
from blase.atmosphere.water import water_lines
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
    `default_line_folder()`, they are the strongest of oxygen and water, and the notes say what to get for the
    others.

    Raises
    ------
    InputError : where a file is not a line list, or nothing is named and no computed line lies in the range.
    """
    low, high = wavelength_range
    limits = 1e8 / high - _FAR, 1e8 / low + _FAR
    if line_lists:
        return read_line_files(line_lists, wavenumber_range=limits)
    folder = default_line_folder()
    if folder.is_dir():
        return read_line_files([folder], wavenumber_range=limits)
    computed = {"O2": oxygen_lines(), "H2O": water_lines()}
    if not any(len(_between(lines, 1e8 / high, 1e8 / low)) for lines in computed.values()):
        known = "; ".join(f"{name} {', '.join(_ranges(lines))}" for name, lines in computed.items())
        raise InputError(
            "no line list is named, and none is in its usual place",
            path=folder,
            value=f"no such folder, and {low:g} to {high:g} Angstrom",
            expected="a folder with HITRAN records (.par) of H2O, O2, CO2, ...; or a range in a band that "
            f"is known without, in Angstrom: {known}",
            fix=f"{_GET} into this folder, or name the files: --line-list PATH",
        )
    inside = {name: _between(lines, *limits) for name, lines in computed.items()}
    counts = " and ".join(f"{len(lines)} lines of {name}" for name, lines in inside.items() if len(lines))
    note = (
        f"no line list: {counts} computed from their levels, the strongest alone, water within some 15 %; "
        f"for all of H2O, and for CO2, CH4, ... {_GET} into {folder}, or name the files: --line-list PATH"
    )
    return LineFiles(HitranLines.concatenated(list(inside.values())), (note,))


def _between(lines: HitranLines, low: float, high: float) -> HitranLines:
    """Those between two wavenumbers [cm^-1]."""
    return lines.take((lines.wavenumber > low) & (lines.wavenumber < high))


def _ranges(lines: HitranLines) -> list[str]:
    """First and last wavelength of every group of strong lines, by increasing wavelength."""
    groups = np.split(np.arange(len(lines)), np.flatnonzero(np.diff(lines.wavenumber) > _FAR) + 1)
    found = []
    for group in groups[::-1]:
        part = lines.take(group)
        seen = 1e8 / part.wavenumber[part.intensity > 1e-2 * part.intensity.max()]
        found.append(f"{seen.min():.0f} to {seen.max():.0f}")
    return found
