"""`blase plot`: figures of a fit for papers, as PDF, PNG or SVG."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from blase.cli.messages import say
from blase.cli.options import QuietOption, VerboseOption, WavelengthOption, parse_range
from blase.cli.table_options import FitArgument
from blase.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from blase.results.result import FitResult

What = Literal["spectrum", "line", "template", "residuals", "corner", "departures"]
SUFFIXES = (".pdf", ".png", ".svg")


def plot(
    directory: FitArgument,
    what: Annotated[What, typer.Argument(help="What to draw.")] = "spectrum",
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="FILE.pdf, .png or .svg; WHAT.pdf if absent."),
    ] = None,
    order: Annotated[
        int | None, typer.Option("--order", metavar="ROW", help="Order of a spectrum; the first if absent.")
    ] = None,
    line: Annotated[
        str | None,
        typer.Option(
            "--line",
            metavar="ID",
            help="The line to draw, by name or wavelength; the one farthest from theory if absent.",
        ),
    ] = None,
    wavelength: WavelengthOption = None,
    dpi: Annotated[int, typer.Option("--dpi", min=30, max=1200, help="Dots per inch of a PNG.")] = 200,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace FILE where it exists.")] = False,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Draw a fit: spectrum with components, a line and its neighbours, the template against theory,
    residuals by order, a corner plot of the global parameters, or widths against theory.

    \b
    Examples:
      blase plot wasp69 -o order.pdf --wavelength 8660 8670
      blase plot wasp69 line --line S00329 -o line.png
      blase plot wasp69 corner
    """  # noqa: D301
    target = output or Path(f"{what}.pdf")
    span = parse_range(wavelength)
    _check(what, target, order=order, line=line, span=span, overwrite=overwrite)
    from blase.results.read import read_result

    figure = draw(read_result(directory), what, order=order, line=line, span=span)
    from blase.containers.atomic import atomic_file

    with atomic_file(target) as temporary:
        figure.savefig(temporary, dpi=dpi, format=target.suffix[1:].lower())
    if not quiet:
        say(f"written: {target}")


def draw(
    result: FitResult, what: str, *, order: int | None, line: str | None, span: tuple[float, float] | None
) -> Figure:
    """The figure of one kind."""
    axes: Any
    if what == "spectrum":
        from blase.results.figure import plot_fit

        figure = plot_fit(result, order)
        if span is not None:
            figure.axes[0].set_xlim(*span)
        return figure
    if what == "line":
        from blase.results.plot_line import plot_line

        axes = plot_line(result, line or "")[0]
    elif what == "template":
        from blase.results.plot_template import plot_template

        axes = plot_template(result, wavelength_range=span)
    elif what == "residuals":
        from blase.results.plot_residuals import plot_residuals

        axes = plot_residuals(result)
    elif what == "corner":
        from blase.results.plot_corner import plot_corner

        axes = plot_corner(result)[0, 0]
    else:
        from blase.results.plot_departures import plot_departures

        axes = plot_departures(result)
    figure = axes.get_figure(root=True)
    return figure


def _check(
    what: str,
    target: Path,
    *,
    order: int | None,
    line: str | None,
    span: tuple[float, float] | None,
    overwrite: bool,
) -> None:
    """Raise `InputError` for a file that cannot be drawn, and for options that would have no effect."""
    if target.suffix.lower() not in SUFFIXES:
        raise InputError(
            "figures are not written in this format",
            path=target,
            value=target.suffix or "no suffix",
            expected=", ".join(SUFFIXES),
            fix="name the file with one of them",
        )
    from blase.containers.atomic import check_file

    check_file(target, overwrite=overwrite)
    meant = {"--order": ("spectrum",), "--line": ("line",), "--wavelength": ("spectrum", "template")}
    given = {"--order": order, "--line": line, "--wavelength": span}
    for flag, kinds in meant.items():
        if given[flag] is not None and what not in kinds:
            raise InputError(
                f"{flag} has no effect here",
                value=f"{flag} with {what}",
                expected=f"{flag} with {' or '.join(kinds)}",
                fix=f"leave {flag} away",
            )
