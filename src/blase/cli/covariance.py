"""`blase covariance`: how the errors of any numbers of a fit go together."""

from __future__ import annotations

from typing import Annotated

import typer

from blase.cli.messages import say
from blase.cli.options import QuietOption, VerboseOption
from blase.cli.table_options import (
    FitArgument,
    FormatOption,
    ReplaceTableOption,
    TableOption,
    give_table,
)


def covariance(
    directory: FitArgument,
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
    output: TableOption = None,
    format: FormatOption = None,
    overwrite: ReplaceTableOption = False,
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

    found = read_result(directory).covariance(*(names or ()))
    written = give_table(found.table(correlation=correlation), output, form=format, overwrite=overwrite)
    if not quiet:
        said = "correlations" if correlation else "covariances"
        say(f"{said} of {len(found.names)} numbers{written}")
