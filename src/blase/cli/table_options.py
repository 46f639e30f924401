"""Options of the commands that read a fit and give a table, and where that table goes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from astropy.table import Table

Format = Literal["ecsv", "csv", "fits", "votable"]

FitArgument = Annotated[Path, typer.Argument(metavar="DIR", help="The output of blase fit or blase demo.")]
TableOption = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FILE", help="File to write; printed if absent.")
]
FormatOption = Annotated[
    Format | None, typer.Option("--format", help="Format; by default that of FILE's suffix, else ecsv.")
]
ReplaceTableOption = Annotated[bool, typer.Option("--overwrite", help="Replace FILE where it exists.")]


def give_table(table: Table, output: Path | None, *, form: Format | None, overwrite: bool) -> str:
    """Print `table`, or write it to `output`; returns what is to be said of that."""
    from blase.results.table_formats import format_of, table_text, write_table

    chosen = format_of(output, form)
    if output is None:
        print(table_text(table, chosen), end="")
        return ""
    write_table(table, output, form=chosen, overwrite=overwrite)
    return f" written: {output}"
