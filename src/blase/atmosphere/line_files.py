"""Line lists from several files and folders, as one: what occurs twice counts once, and all of it is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blase.atmosphere.hitran import HitranLines, is_hitran, read_hitran
from blase.atmosphere.isotopologues import ISOTOPOLOGUES, MOLECULES
from blase.errors import InputError

_WAVENUMBER_TOLERANCE, _ENERGY_TOLERANCE = 0.02, 0.05  # [cm^-1]
_APART = 1e6  # [cm^-1], more than any wavenumber
_NAMED = 6
_FIX = (
    "download the molecules you need (H2O, O2, CO2, CH4, ...) from hitran.org, 'line-by-line', as "
    "160-character .par files, into one folder, and give it: --line-list FOLDER"
)


@dataclass(frozen=True)
class LineFiles:
    """Lines of all files, and sentences on what was read, merged and skipped."""

    lines: HitranLines
    notes: tuple[str, ...]


def read_line_files(
    paths: Sequence[str | Path], *, wavenumber_range: tuple[float, float] | None = None
) -> LineFiles:
    """Lines of files and folders (searched to any depth), each line once.

    A line that occurs in several files counts once (`merged`), as it is in the file named last, or last by
    name in a folder. Files of a folder that hold no records, isotopologues without a partition sum and lines
    outside `wavenumber_range` [cm^-1] are left out.

    Raises
    ------
    InputError : where a path does not exist, a file named by itself is not a line list, or nothing is found.
    """
    notes: list[str] = []
    files = [file for path in paths for file in _search(Path(path), notes)]
    if not files:
        raise InputError(
            "no line list found",
            path=", ".join(str(path) for path in paths) or None,
            value="no file of 160-character records",
            expected="HITRAN records (.par)",
            fix=_FIX,
        )
    parts = []
    for file in files:
        part = read_hitran(file)
        parts.append(_inside(part, wavenumber_range))
        notes.append(f"{file.name}: {len(part):,} lines of {_molecules_of(part)}")
    lines, twice = merged(parts)
    if twice:
        notes.append(f"{twice:,} lines occur in more than one file and count once")
    return LineFiles(*_known(lines, notes))


def merged(parts: Sequence[HitranLines]) -> tuple[HitranLines, int]:
    """The lines of all parts, each once, and how many records were dropped.

    Two records *of different parts* are one line where molecule and isotopologue agree, the wavenumbers
    within 0.02 cm^-1 and the lower energies within 0.05 cm^-1: editions of a list differ by that much. The
    later part wins. Within a part nothing is merged: near-degenerate lines are real.
    """
    kept: list[HitranLines] = []
    twice = 0
    for part in parts:
        again = [_occurs(lines, part) for lines in kept]
        twice += sum(int(found.sum()) for found in again)
        kept = [lines.take(~found) for lines, found in zip(kept, again, strict=True)]
        kept.append(part)
    return HitranLines.concatenated(kept), twice


def _occurs(lines: HitranLines, others: HitranLines) -> NDArray[np.bool_]:
    """Which of `lines` (n,) are among the `others`."""
    mine, theirs = _key(lines), _key(others)
    order = np.argsort(theirs)
    theirs, energy = theirs[order], others.lower_energy[order]
    first = np.searchsorted(theirs, mine - _WAVENUMBER_TOLERANCE)
    end = np.searchsorted(theirs, mine + _WAVENUMBER_TOLERANCE)
    found = np.zeros(len(lines), dtype=bool)
    for step in range(int((end - first).max(initial=0))):
        place = np.minimum(first + step, len(theirs) - 1)
        near = np.abs(energy[place] - lines.lower_energy) < _ENERGY_TOLERANCE
        found |= (first + step < end) & near
    return found


def _key(lines: HitranLines) -> NDArray[np.float64]:
    """Wavenumbers (n,), those of every isotopologue in a range of their own."""
    return lines.wavenumber + _APART * (100 * lines.molecule + lines.isotopologue)


def _search(path: Path, notes: list[str]) -> list[Path]:
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        found = [file for file in files if is_hitran(file)]
        skipped = [file.name for file in files if file not in set(found)]
        if skipped:
            named = ", ".join(skipped[:_NAMED]) + (", ..." if len(skipped) > _NAMED else "")
            notes.append(f"{path}: skipped what holds no lines: {named}")
        return found
    if not path.exists():
        raise InputError(
            "the line list does not exist",
            path=path,
            value="no such file or folder",
            expected="a file of HITRAN records, or a folder that holds some",
            fix=_FIX,
        )
    return [path]


def _inside(lines: HitranLines, limits: tuple[float, float] | None) -> HitranLines:
    if limits is None:
        return lines
    return lines.take((lines.wavenumber >= limits[0]) & (lines.wavenumber <= limits[1]))


def _molecules_of(lines: HitranLines) -> str:
    numbers = np.unique(lines.molecule)
    return ", ".join(MOLECULES.get(int(number), f"molecule {number}") for number in numbers) or "nothing"


def _known(lines: HitranLines, notes: list[str]) -> tuple[HitranLines, tuple[str, ...]]:
    """The lines whose partition sum is known."""
    pairs, inverse = np.unique(np.stack([lines.molecule, lines.isotopologue]), axis=1, return_inverse=True)
    known = np.array([(int(m), int(i)) in ISOTOPOLOGUES for m, i in pairs.T], dtype=bool)[inverse.ravel()]
    if not known.all():
        others = HitranLines.take(lines, ~known)
        notes.append(
            f"left out {len(others):,} lines of {_molecules_of(others)} without a partition sum here"
        )
    return lines.take(known), tuple(notes)
