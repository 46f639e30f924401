"""Options that describe the air, shared by the commands that make or fit it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blase.errors import InputError

SiteOption = Annotated[
    str | None, typer.Option("--site", metavar="NAME", help="Observatory, for its altitude.")
]
AltitudeOption = Annotated[
    float | None, typer.Option("--altitude", metavar="M", help="Altitude of the telescope [m].")
]
TemperatureOption = Annotated[
    float | None, typer.Option("--temperature", metavar="K", help="Of the air at the telescope.")
]
PressureOption = Annotated[
    float | None, typer.Option("--pressure", metavar="HPA", help="Of the air at the telescope.")
]
HumidityOption = Annotated[
    float | None, typer.Option("--humidity", metavar="PERCENT", help="Relative, at the telescope.")
]
PwvOption = Annotated[
    float | None, typer.Option("--pwv", metavar="MM", help="Precipitable water, instead of humidity.")
]
AirmassOption = Annotated[float, typer.Option("--airmass", metavar="X", help="Secant of the zenith angle.")]
LineListOption = Annotated[
    list[Path] | None,
    typer.Option("--line-list", metavar="PATH", help="HITRAN records (.par), or a folder. Repeatable."),
]
ProfileOption = Annotated[
    Path | None, typer.Option("--profile", metavar="FILE", help="Profile of the atmosphere.")
]
ContinuumOption = Annotated[
    Path | None,
    typer.Option("--continuum", metavar="FILE", help="Water continuum (MT_CKD); cuts water lines."),
]
FileOption = Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="FITS file to write.")]
ReplaceOption = Annotated[bool, typer.Option("--overwrite", help="Replace FILE.")]


def telescope_altitude(site: str | None, altitude: float | None) -> float:
    """Altitude [m] from whichever of the two is given; `InputError` where it is not exactly one."""
    if (site is None) == (altitude is None):
        raise InputError(
            "the altitude of the telescope is not clear",
            value="neither --site nor --altitude" if site is None else "both --site and --altitude",
            expected="one of the two",
            fix="give --site NAME or --altitude METRES",
        )
    if altitude is not None:
        return altitude
    from blase.atmosphere.sites import site_altitude

    assert site is not None
    return site_altitude(site)
