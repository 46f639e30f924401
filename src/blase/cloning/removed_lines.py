"""The lines that a clone no longer has, and their table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import QTable
from numpy.typing import NDArray

from blase.containers.atomic import atomic_file
from blase.errors import InputError

_UNITS = {
    "centre": u.AA,
    "strength": u.AA,
    "sigma": u.km / u.s,
    "gamma": u.km / u.s,
    "duplicate_of": u.AA,
}
_DESCRIPTIONS = {
    "found": "round of cloning in which the line was found",
    "round": "round of cloning after whose fit it was removed",
    "reason": "vanished: it mattered nowhere; duplicate: merged with another",
    "duplicate_of": "centre of the line that both became, before the next fit",
}


@dataclass(frozen=True)
class RemovedLine:
    """A line as it was when it was removed: vacuum Angstrom, and km/s for the widths.

    `found` is the round in which it was found, `round` that after whose fit it was removed, `reason`
    `"vanished"` or `"duplicate"`; `duplicate_of` the centre [Angstrom] of the line that a duplicate and its
    neighbour became, NaN otherwise.
    """

    centre: float
    strength: float
    sigma: float
    gamma: float
    found: int
    round: int
    reason: str
    duplicate_of: float = float("nan")


def write_removed(lines: Sequence[RemovedLine], path: Path) -> None:
    """Write an ECSV table, one row a line."""
    names, dtypes = [f.name for f in fields(RemovedLine)], [float] * 4 + [int] * 2 + [str, float]
    columns = list(zip(*map(astuple, lines), strict=True)) or [()] * len(names)
    table = QTable(meta={"wavelength_medium": "vacuum"})
    for name, dtype, column in zip(names, dtypes, columns, strict=True):
        values: NDArray[Any] = np.array(column, dtype=dtype)
        table[name] = values * _UNITS[name] if name in _UNITS else values
        table[name].info.description = _DESCRIPTIONS.get(name, "")
    with atomic_file(path) as temporary:
        table.write(temporary, format="ascii.ecsv", overwrite=True)


def read_removed(path: Path) -> tuple[RemovedLine, ...]:
    """Read what `write_removed` wrote. Raises `InputError` where it is no such table."""
    try:
        table = QTable.read(path, format="ascii.ecsv")
        columns = [
            (table[f.name].to_value(_UNITS[f.name]) if f.name in _UNITS else table[f.name]).tolist()
            for f in fields(RemovedLine)
        ]
    except Exception as error:  # astropy raises many kinds for a malformed file
        raise InputError(
            "the table of removed lines cannot be read",
            path=path,
            value=str(error).splitlines()[0] if str(error) else type(error).__name__,
            expected="the table that blase clone writes",
            fix="clone the template again, or delete this table: no fit needs it",
        ) from error
    return tuple(RemovedLine(*row) for row in zip(*columns, strict=True))
