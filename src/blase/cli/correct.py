"""`blase correct`: fit the air to a spectrum and divide it out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

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
from blase.cli.messages import NOT_CONVERGED, say
from blase.cli.options import (
    JsonOption,
    OrderOption,
    QuietOption,
    VerboseOption,
    WavelengthOption,
    parse_orders,
    parse_range,
)
from blase.cli.reader_options import ReaderOptions, reads_spectrum


@reads_spectrum
def correct(
    spectrum: Annotated[Path, typer.Argument(metavar="SPECTRUM", help="The observed spectrum.")],
    output: FileOption,
    star: Annotated[
        str,
        typer.Option(
            "--star", metavar="hot|CLONE", help="A hot star (black body and hydrogen), or a stellar clone."
        ),
    ] = "hot",
    order: OrderOption = None,
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
    rv_guess: Annotated[
        float, typer.Option("--rv-guess", metavar="KM_S", help="Velocity of the star, frame of the data.")
    ] = 0.0,
    vsini: Annotated[
        float, typer.Option("--vsini", min=0.0, metavar="KM_S", help="Rotation of the star, held.")
    ] = 0.0,
    continuum_degree: Annotated[
        int, typer.Option("--continuum-degree", min=0, metavar="N", help="Degree of an order's continuum.")
    ] = 5,
    least_transmission: Annotated[
        float,
        typer.Option("--least-transmission", min=0.0, max=1.0, metavar="T", help="Mask pixels below it."),
    ] = 0.05,
    refine: Annotated[
        bool,
        typer.Option("--refine/--no-refine", help="Let single lines of the air depart from physics."),
    ] = True,
    template: Annotated[
        Path | None,
        typer.Option("--template", metavar="FILE", help="Also write the air as fitted, to be cloned."),
    ] = None,
    *,
    reader: ReaderOptions,
    overwrite: ReplaceOption = False,
    json: JsonOption = False,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Correct a spectrum for the air: fit water, gases, temperature, wind; refine lines; divide it out.

    \b
    Example:
      blase correct Goldilocks_20210517.spectra.fits --site het --pwv 5 --airmass 1.2 \\
        --order 1,10-11,27 --line-list hitran/ -o corrected.fits
    """  # noqa: D301
    span, rows = parse_range(wavelength), parse_orders(order)
    from blase.containers.atomic import check_file

    check_file(output, overwrite=overwrite)
    if template is not None:
        check_file(template, overwrite=overwrite)
    height = telescope_altitude(site, altitude)
    from blase.atmosphere.conditions import Conditions
    from blase.atmosphere.correct import correct_spectrum
    from blase.atmosphere.corrected_file import summary, write_correction, write_fitted_air

    conditions = Conditions(height, temperature, pressure, humidity, pwv, airmass)
    observed = reader.read(spectrum)
    observed = observed if rows is None else observed.select(rows)
    observed = observed if span is None else observed.crop(*span)
    correction = correct_spectrum(
        observed,
        conditions,
        source=_source(star, rv_guess, vsini),
        line_lists=line_list,
        profile=profile,
        continuum=continuum,
        continuum_degree=continuum_degree,
        least_transmission=least_transmission,
        refine=refine,
        progress=None if quiet else say,
    )
    write_correction(
        correction, output, flux_unit=observed.metadata.flux_unit or "", least=least_transmission
    )
    if template is not None:
        write_fitted_air(correction, template)
    _print(summary(correction), str(output), json=json)
    if not correction.physical.converged:
        say(f"not converged: {correction.physical.stop_reason}")
        raise typer.Exit(NOT_CONVERGED)


def _source(star: str, velocity: float, vsini: float) -> Any:
    from blase.atmosphere.source import HotStar, LineSource

    if star == "hot":
        return HotStar(radial_velocity=velocity)
    from blase.cloning import Clone

    return LineSource(Clone.read(star).lines, radial_velocity=velocity, vsini=vsini)


def _print(facts: dict[str, Any], output: str, *, json: bool) -> None:
    if json:
        from blase.containers.json_text import to_line

        print(to_line(facts))
        say(f"written: {output}")
        return
    for name, found in facts["parameters"].items():
        print(f"{name:<26} {found['value']:.4f} +- {found['error']:.4f}")
    print(f"precipitable water         {facts['pwv']:.3f} mm")
    print("order    transmission   pixels   rms      over noise")
    for order in facts["orders"]:
        for row in order["quality"]:
            low, high = row["transmission"]
            print(
                f"{order['row']:>5}    {low:.2f} to {high or 1:.2f}   {row['n_pixels']:>6}"
                f"   {100 * row['residual_rms']:.2f} %   {row['residual_over_noise']:.2f}"
            )
    print(f"written                    {output}")
