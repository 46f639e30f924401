"""`blase telluric`: transmission of the atmosphere from line lists."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from blase.cli.messages import say
from blase.cli.options import JsonOption, QuietOption, VerboseOption, WavelengthOption, parse_range
from blase.errors import InputError

if TYPE_CHECKING:
    from blase.atmosphere.synthesis import TelluricSpectrum


def telluric(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="FITS file to write.")],
    wavelength: WavelengthOption = None,
    site: Annotated[
        str | None, typer.Option("--site", metavar="NAME", help="Observatory, for its altitude.")
    ] = None,
    altitude: Annotated[
        float | None, typer.Option("--altitude", metavar="M", help="Altitude of the telescope [m].")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option("--temperature", metavar="K", help="Of the air at the telescope.")
    ] = None,
    pressure: Annotated[
        float | None, typer.Option("--pressure", metavar="HPA", help="Of the air at the telescope.")
    ] = None,
    humidity: Annotated[
        float | None, typer.Option("--humidity", metavar="PERCENT", help="Relative, at the telescope.")
    ] = None,
    pwv: Annotated[
        float | None, typer.Option("--pwv", metavar="MM", help="Precipitable water, instead of humidity.")
    ] = None,
    airmass: Annotated[
        float, typer.Option("--airmass", metavar="X", help="Secant of the zenith angle.")
    ] = 1.0,
    line_list: Annotated[
        list[Path] | None,
        typer.Option("--line-list", metavar="PATH", help="HITRAN records (.par), or a folder. Repeatable."),
    ] = None,
    profile: Annotated[
        Path | None, typer.Option("--profile", metavar="FILE", help="Profile of the atmosphere.")
    ] = None,
    continuum: Annotated[
        Path | None,
        typer.Option("--continuum", metavar="FILE", help="Water continuum (MT_CKD); cuts water lines."),
    ] = None,
    step: Annotated[
        float, typer.Option("--step", metavar="KM_S", min=0.01, help="Spacing of the samples.")
    ] = 0.2,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace FILE.")] = False,
    json: JsonOption = False,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Make a telluric spectrum from line lists, the weather and the airmass.

    \b
    Example:
      blase telluric --site paranal --temperature 286 --humidity 20 --airmass 1.3 \\
        --wavelength 9300 9700 --line-list hitran/ -o telluric.fits
    """  # noqa: D301
    span = parse_range(wavelength)
    if span is None:
        raise InputError(
            "no wavelength range is given",
            value="no --wavelength",
            expected="a range in vacuum Angstrom",
            fix="give it as in --wavelength 9300 9700",
        )
    _check_file(output, overwrite)
    height = _altitude(site, altitude)
    from blase.atmosphere.conditions import Conditions
    from blase.atmosphere.synthesis import synthesise
    from blase.atmosphere.telluric_file import write_telluric

    spectrum = synthesise(
        Conditions(height, temperature, pressure, humidity, pwv, airmass),
        span,
        line_lists=line_list,
        profile=profile,
        continuum=continuum,
        step=step,
    )
    write_telluric(spectrum, output)
    if not quiet:
        for note in spectrum.notes:
            say(note)
    _print(summary(spectrum), str(output), json=json)


def summary(spectrum: TelluricSpectrum) -> dict[str, Any]:
    """The few numbers that say what was made."""
    air = spectrum.air
    return {
        "altitude": spectrum.conditions.altitude,
        "temperature": float(air.temperature),
        "pressure": float(air.pressure),
        "humidity": spectrum.humidity,
        "pwv": float(air.water),
        "airmass": float(air.airmass),
        "profile": spectrum.profile,
        "wings": spectrum.wings,
        "n_samples": len(spectrum.wavelength),
        "n_lines": spectrum.n_lines,
        "mean_transmission": float(spectrum.transmission.mean()),
    }


def _print(facts: dict[str, Any], output: str, *, json: bool) -> None:
    if json:
        from blase.containers.json_text import to_line

        print(to_line(facts))
        say(f"written: {output}")
        return
    lines = ", ".join(f"{count:,} {name}" for name, count in facts["n_lines"].items()) or "none"
    print(f"telescope                  {facts['altitude']:.0f} m, {facts['pressure']:.1f} hPa")
    print(f"air there                  {facts['temperature']:.1f} K, {facts['humidity']:.1f} % humidity")
    print(f"precipitable water         {facts['pwv']:.2f} mm, at airmass {facts['airmass']:g}")
    print(f"profile                    {facts['profile']}")
    print(f"wings                      {facts['wings']}")
    print(f"lines                      {lines}")
    print(f"mean transmission          {facts['mean_transmission']:.4f}")
    print(f"written                    {output}")


def _altitude(site: str | None, altitude: float | None) -> float:
    """Altitude [m] from whichever of the two is given."""
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


def _check_file(path: Path, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise InputError(
            "the output file exists and is kept",
            path=path,
            value="an existing file",
            expected="a name that does not exist yet",
            fix="give another -o, or --overwrite to replace it",
        )
