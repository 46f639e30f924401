"""Choosing a template by effective temperature, gravity and metallicity: from a folder, or of the PHOENIX
grid.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl

from blase.errors import InputError
from blase.templates.download import phoenix_name

_STEPS = (100.0, 0.5, 0.5)
"""Differences in T [K], log g and [Fe/H] that count alike, the steps of the PHOENIX-ACES grid."""
_NAMES = (
    ("PHOENIX-ACES", re.compile(r"lte(?P<t>\d{5})(?P<g>[+-]\d\.\d+)(?P<z>[+-]\d\.\d)")),
    ("BT-Settl", re.compile(r"lte(?P<t>\d{3}(?:\.\d)?)(?P<g>[+-]\d\.\d+)(?P<z>[+-]\d\.\d)")),
    ("Sonora", re.compile(r"(?:sp_)?t(?P<t>\d{3,4})g(?P<gravity>\d{2,5})(?:nc|f\d+)?_m(?P<z>[+-]?\d\.\d)")),
    ("MARCS", re.compile(r"[ps](?P<t>\d{4})_g(?P<g>[+-]\d\.\d)_m.*?_z(?P<z>[+-]\d\.\d+)")),
    ("Turbospectrum", re.compile(r"T(?P<t>\d{4,5})_g(?P<g>-?\d\.\d+)_z(?P<z>[+-]?\d\.\d+)")),
)
_TEMPERATURES = [*range(2300, 7000, 100), *range(7000, 12001, 200)]
_METALLICITIES = (-4.0, -3.0, -2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0)


@dataclass(frozen=True)
class GridPoint:
    """Parameters of a model atmosphere: T [K], log10 of g [cm/s^2], [Fe/H], and the grid that it is of."""

    effective_temperature: float
    log_g: float
    metallicity: float
    grid: str = ""

    def __str__(self) -> str:
        where = f"{self.grid}: " if self.grid else ""
        star = f"T = {self.effective_temperature:g} K, log g = {self.log_g:g}, [Fe/H] = {self.metallicity:+g}"
        return where + star

    def distance(self, other: GridPoint) -> float:
        """Distance in steps of 100 K, 0.5 and 0.5."""
        differences = (
            self.effective_temperature - other.effective_temperature,
            self.log_g - other.log_g,
            self.metallicity - other.metallicity,
        )
        return math.hypot(*(d / step for d, step in zip(differences, _STEPS, strict=True)))


def grid_point(name: str) -> GridPoint | None:
    """The parameters in the name of a file of a grid, or None: PHOENIX-ACES, BT-Settl, Sonora, MARCS and
    others.

    Sonora names the gravity in m/s^2; the sign of log g in PHOENIX and BT-Settl names is a hyphen before it.
    """
    for grid, pattern in _NAMES:
        found = pattern.match(name)
        if found is None:
            continue
        values = found.groupdict()
        temperature = float(values["t"]) * (100.0 if grid == "BT-Settl" else 1.0)
        if "gravity" in values:
            log_g = round(math.log10(float(values["gravity"]) * 100.0), 2)
        else:
            log_g = float(values["g"])
            log_g = -log_g if grid in ("PHOENIX-ACES", "BT-Settl") else log_g
        return GridPoint(temperature, log_g, float(values["z"]) + 0.0, grid)
    return None


def library(folder: Path) -> Iterator[tuple[Path, GridPoint]]:
    """Files below `folder` whose names are those of a grid, with their parameters, by name."""
    for path in sorted(folder.rglob("*")):
        point = grid_point(path.name)
        if point is not None and path.is_file():
            yield path, point


def nearest_file(folder: Path, wanted: GridPoint) -> tuple[Path, str]:
    """The file below `folder` that is nearest to `wanted`, and a sentence that says which it is.

    Raises InputError where the folder is not there or holds no file of a known grid.
    """
    folder = folder.expanduser()
    found = list(library(folder)) if folder.is_dir() else []
    if not found:
        raise InputError(
            "there is no template of a known grid",
            path=folder,
            value="no folder" if not folder.is_dir() else "no file with a name of a grid",
            expected="files of PHOENIX-ACES, BT-Settl, Sonora, MARCS, or named T4750_g4.5_z0.0",
            fix="name another folder, or the file itself",
        )
    path, point = min(found, key=lambda item: item[1].distance(wanted))
    return path, f"chosen of {len(found)} files for {wanted}: {path.name} ({point})"


def nearest_phoenix(wanted: GridPoint) -> tuple[Path, str]:
    """The name of the point of the PHOENIX-ACES grid nearest to `wanted` (rounded parameter by parameter).

    Husser et al. 2013, A&A 553, A6, table 1: 2300 to 12,000 K, log g 0 to 6, [Fe/H] -4 to +1.
    """
    temperature = float(min(_TEMPERATURES, key=lambda t: abs(t - wanted.effective_temperature)))
    log_g = min(max(round(2 * wanted.log_g) / 2, 0.0), 6.0)
    metallicity = min(_METALLICITIES, key=lambda z: abs(z - wanted.metallicity))
    point = GridPoint(temperature, log_g, metallicity, "PHOENIX-ACES")
    name = phoenix_name(effective_temperature=temperature, log_g=log_g, metallicity=metallicity)
    return Path(name), f"chosen for {wanted}: {name} ({point})"


def parse_point(query: str, source: str) -> GridPoint:
    """The parameters in "teff=3900&logg=4.5&feh=0"; log g is 4.5 and [Fe/H] 0 where they are not given."""
    words = dict(parse_qsl(query, keep_blank_values=True))
    try:
        if not set(words) <= {"teff", "logg", "feh"}:
            raise ValueError(", ".join(sorted(set(words) - {"teff", "logg", "feh"})))
        point = GridPoint(float(words["teff"]), float(words.get("logg", 4.5)), float(words.get("feh", 0.0)))
        if not all(map(math.isfinite, (point.effective_temperature, point.log_g, point.metallicity))):
            raise ValueError("not finite")
    except (KeyError, ValueError) as error:
        raise InputError(
            "the parameters of the star cannot be made out",
            value=f"{source} ({error})",
            expected="teff=K, and perhaps logg=CGS and feh=DEX",
            fix="write library:FOLDER?teff=3900&logg=4.5&feh=0 (in quotes), or phoenix:?teff=3900",
        ) from error
    return point
