"""Names for the lines of a catalogue from a list of known lines."""

from __future__ import annotations

import numpy as np
from astropy import units as u
from astropy.table import QTable
from numpy.typing import NDArray

from blase.constants import SPEED_OF_LIGHT
from blase.containers.line_list import LineList
from blase.errors import InputError

TOLERANCE = 3.0
"""Farthest velocity [km/s] at which a listed line may be that of a catalogue."""


def name_lines(
    table: QTable, known: LineList, *, tolerance: float = TOLERANCE, origin: str = "stellar"
) -> QTable:
    """The catalogue with the likeliest listed line of every line of `origin`.

    Of the listed lines within `tolerance` [km/s] of the centre that with the largest A exp(-(dv/s)^2 / 2) is
    taken, A its strength in the list and s half the tolerance: a strong line is preferred to a faint one at a
    like distance, and a near one to a far one. A listed line may name several lines, since clones of blends
    share one wavelength.

    New columns: `species` (without a match as before, or ""), `list_centre` [vacuum Angstrom], `list_offset`
    [km/s] (the line's centre less the listed one), `lower_energy` [eV] where the list has it, and
    `candidates`, how many listed lines were within the tolerance.

    Raises `InputError` where the tolerance is not positive.
    """
    if not tolerance > 0:
        raise InputError(
            "the tolerance of the match is not positive",
            value=tolerance,
            expected="a velocity above 0 km/s",
            fix=f"give --tolerance {TOLERANCE:g}",
        )
    centre = np.asarray(table["centre"].value)
    wanted = np.isfinite(centre) & (np.asarray(table["origin"]) == origin)
    best = np.full(centre.size, -1)
    candidates = np.zeros(centre.size, dtype=np.int64)
    reach = centre * tolerance / SPEED_OF_LIGHT
    first = np.searchsorted(known.centre, centre - reach, side="left")
    last = np.searchsorted(known.centre, centre + reach, side="right")
    for k in np.flatnonzero(wanted & (last > first)):
        near = slice(first[k], last[k])
        offset = (centre[k] / known.centre[near] - 1) * SPEED_OF_LIGHT
        score = np.log(known.strength[near]) - 0.5 * (offset / (0.5 * tolerance)) ** 2
        best[k] = first[k] + int(np.argmax(score))
        candidates[k] = last[k] - first[k]
    return _with_names(table, known, best, candidates)


def _with_names(
    table: QTable, known: LineList, best: NDArray[np.int64], candidates: NDArray[np.int64]
) -> QTable:
    found, out = best >= 0, table.copy()
    at = np.where(found, best, 0)
    names = known.species if known.species is not None else np.full(len(known), "?")
    before = table["species"] if "species" in table.colnames else np.full(len(table), "")
    out["species"] = np.where(found, names[at] if len(known) else "", before)
    listed = np.where(found, known.centre[at] if len(known) else np.nan, np.nan)
    out["list_centre"] = listed * u.AA
    out["list_offset"] = (table["centre"].value / listed - 1) * SPEED_OF_LIGHT * u.km / u.s
    if known.lower_energy is not None and len(known):
        out["lower_energy"] = np.where(found, known.lower_energy[at], np.nan) * u.eV
    out["candidates"] = candidates
    return out
