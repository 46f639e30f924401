"""`blase telluric`: transmission of the atmosphere from line lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from blase.cli.air_options import (
    AirmassOption,
    AltitudeOption,
    ContinuumOption,
    FileOption,
    HumidityOption,
    LineListOption,
    PressureOption,
    ProfileOption,
    PwvOption,
    ReplaceOption,
    SiteOption,
    TemperatureOption,
    telescope_altitude,
)
from blase.cli.messages import say
from blase.cli.options import JsonOption, QuietOption, VerboseOption, WavelengthOption, parse_range
from blase.errors import InputError

if TYPE_CHECKING:
    from blase.atmosphere.synthesis import TelluricSpectrum


def telluric(
    output: FileOption,
    wavelength: WavelengthOption = None,
    site: SiteOption = None,
    altitude: AltitudeOption = None,
    temperature: TemperatureOption = None,
    pressure: PressureOption = None,
    humidity: HumidityOption = None,
    pwv: PwvOption = None,
    airmass: AirmassOption = 1.0,
    line_list: LineListOption = None,
    profile: ProfileOption = None,
    continuum: ContinuumOption = None,
    step: Annotated[
        float, typer.Option("--step", metavar="KM_S", min=0.01, help="Spacing of the samples.")
    ] = 0.2,
    overwrite: ReplaceOption = False,
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
    from blase.containers.atomic import check_file

    check_file(output, overwrite=overwrite)
    height = telescope_altitude(site, altitude)
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
