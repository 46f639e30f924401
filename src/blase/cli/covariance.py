"""`blase covariance`: how the errors of any numbers of a fit go together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blase.cli.lines import Format
from blase.cli.messages import say
from blase.cli.options import QuietOption, VerboseOption


def covariance(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The output of blase fit or blase demo.")],
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            help="Numbers of the fit, or the beginning of several before a dot; by default all that do not "
            "belong to a single line.",
        ),
    ] = None,
    correlation: Annotated[
        bool, typer.Option("--correlation", help="Instead: correlations, from -1 to 1.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="File to write; printed if absent.")
    ] = None,
    format: Annotated[
        Format | None,
        typer.Option("--format", help="Format; by default that of FILE's suffix, else ecsv."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace FILE where it exists.")] = False,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Covariance of numbers of a fit, all else marginalised: a row each, with its error and unit.

    Names are those of summary.json (radial_velocity), of an order (continuum.ROW, wavelength_correction.ROW)
    and of lines as blase lines has them (S00012 for all of a line, S00012.equivalent_width for one).

    \b
    Examples:
      blase covariance wasp69 --correlation
      blase covariance wasp69 radial_velocity vsini resolving_power
      blase covariance wasp69 S00012 S00013 --correlation -o blend.csv
    """  # noqa: D301
    from blase.results.read import read_result
    from blase.results.table_formats import format_of, table_text, write_table

    form = format_of(output, format)
    found = read_result(directory).covariance(*(names or ()))
    table = found.table(correlation=correlation)
    if output is None:
        print(table_text(table, form), end="")
    else:
        write_table(table, output, form=form, overwrite=overwrite)
    if not quiet:
        said = "correlations" if correlation else "covariances"
        say(f"{said} of {len(table)} numbers" + (f" written: {output}" if output else ""))
