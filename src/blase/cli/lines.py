"""`blase lines`: the lines of a fit as a catalogue, chosen, named and in the format that one needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from blase.cli.messages import say
from blase.cli.options import QuietOption, TeffOption, VerboseOption, WavelengthOption, parse_range
from blase.cli.table_options import (
    FitArgument,
    FormatOption,
    ReplaceTableOption,
    TableOption,
    give_table,
)

if TYPE_CHECKING:
    from astropy.table import QTable

Origin = Literal["stellar", "telluric"]
Status = Literal["cloned", "added", "dropped"]


def lines(
    directory: FitArgument,
    output: TableOption = None,
    format: FormatOption = None,
    wavelength: WavelengthOption = None,
    detection: Annotated[
        float | None,
        typer.Option("--detection", metavar="N", help="Only lines of a width of N errors and more."),
    ] = None,
    departure: Annotated[
        float | None,
        typer.Option(
            "--departure", metavar="N", help="Only lines that depart N errors and more from theory."
        ),
    ] = None,
    origin: Annotated[
        Origin | None, typer.Option("--origin", help="Only lines of the star, or of the air.")
    ] = None,
    status: Annotated[Status | None, typer.Option("--status", help="Only lines of this status.")] = None,
    blends: Annotated[
        bool, typer.Option("--blends/--no-blends", help="Whether to keep lines of unresolved blends.")
    ] = True,
    line_list: Annotated[
        Path | None,
        typer.Option(
            "--list", metavar="FILE", help="Known lines (VALD, MOOG, Kurucz, CSV, ECSV) to name them."
        ),
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option("--tolerance", metavar="KM_S", help="How far a listed line may be from one of the fit."),
    ] = 3.0,
    species: Annotated[
        str | None,
        typer.Option("--species", metavar="NAME", help="Only lines of an ion (Fe 1) or element (Fe)."),
    ] = None,
    teff: TeffOption = None,
    gaussian: Annotated[
        bool,
        typer.Option(
            "--gaussian", help="Also the width that a Gaussian fitted to the core would give, as ARES does."
        ),
    ] = False,
    theory: Annotated[
        bool,
        typer.Option("--theory", help="Instead: stretches where the theoretical template is wrong."),
    ] = False,
    overwrite: ReplaceTableOption = False,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """List the lines of a fit: equivalent widths, departures from theory, velocities, names.

    \b
    Examples:
      blase lines wasp69 --detection 5 --no-blends -o lines.votable --format votable
      blase lines wasp69 --list vald.dat --species "Fe 1" --wavelength 8650 8700 --format csv
      blase lines wasp69 --theory --departure 5
    """  # noqa: D301
    span = parse_range(wavelength)
    _refuse_mixtures(theory=theory, gaussian=gaussian, line_list=line_list, species=species, teff=teff)
    from blase.results.read import read_result

    result = read_result(directory)
    if theory:
        from blase.results.template_departure import THRESHOLD, template_departures

        table = template_departures(result, threshold=THRESHOLD if departure is None else departure)
        if span is not None:
            table = table[(table["high"].value >= span[0]) & (table["low"].value <= span[1])]
    else:
        from blase.results.catalogue import line_catalogue, select_lines

        table = line_catalogue(result, gaussian=gaussian)
        if line_list is not None:
            table = _named(table, line_list, tolerance=tolerance, teff=teff)
        table = select_lines(
            table,
            wavelength_range=span,
            detection=detection,
            departure=departure,
            origin=origin,
            status=status,
            species=species,
            blends=blends,
        )
    written = give_table(table, output, form=format, overwrite=overwrite)
    if not quiet:
        say(f"{len(table)} {'stretches of the template' if theory else 'lines'}{written}")


def _named(table: QTable, line_list: Path, *, tolerance: float, teff: float | None) -> QTable:
    """The catalogue with names from a list of lines in its range."""
    from blase.errors import InputError
    from blase.results.cross_match import name_lines
    from blase.templates import read_template
    from blase.templates.template import LineTemplate

    centre = table["centre"].value
    listed = read_template(
        line_list, wavelength_range=(centre.min() - 1, centre.max() + 1), effective_temperature=teff
    )
    if not isinstance(listed, LineTemplate):
        raise InputError(
            "this is a spectrum, not a list of lines",
            path=line_list,
            value="wavelengths and fluxes",
            expected="a VALD, MOOG or Kurucz list, or a table with wavelength and depth",
            fix="give a list of lines to --list",
        )
    return name_lines(table, listed.lines, tolerance=tolerance)


def _refuse_mixtures(
    *, theory: bool, gaussian: bool, line_list: Path | None, species: str | None, teff: float | None
) -> None:
    """Raise `InputError` for options that would have no effect."""
    from blase.errors import InputError

    for given, flag, needed in (
        (theory and line_list is not None, "--list", "no --theory"),
        (theory and species is not None, "--species", "no --theory"),
        (theory and gaussian, "--gaussian", "no --theory"),
        (line_list is None and teff is not None, "--teff", "--list FILE"),
    ):
        if given:
            raise InputError(
                f"{flag} has no effect here",
                value=flag,
                expected=needed,
                fix=f"leave {flag} away, or give {needed}"
                if needed != "no --theory"
                else f"leave {flag} away",
            )
