"""`blase bench`: what blasé costs on this machine, beside a plain baseline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blase.cli.messages import say
from blase.cli.options import (
    JsonOption,
    OverwriteOption,
    QuietOption,
    VerboseOption,
    WavelengthFileOption,
    parse_range,
)
from blase.cli.progress import show_progress


def bench(
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Directory to write; none by default."),
    ] = None,
    star: Annotated[
        str, typer.Option("--star", metavar="FILE", help="Template to clone and to fit with.")
    ] = "embedded:star",
    wavelength: Annotated[
        tuple[float, float],
        typer.Option("--wavelength", metavar="LO HI", help="Part of the template, vacuum Angstrom."),
    ] = (8600.0, 8900.0),
    wavelength_file: WavelengthFileOption = None,
    epochs: Annotated[
        int, typer.Option("--epochs", min=1, metavar="N", help="Steps of Adam that the baseline takes.")
    ] = 100,
    long_star: Annotated[
        str, typer.Option("--long-star", metavar="FILE", help="Template of the long clone and of the orders.")
    ] = "embedded:star",
    long_wavelength: Annotated[
        tuple[float, float],
        typer.Option("--long-wavelength", metavar="LO HI", help="Part of it, vacuum Angstrom."),
    ] = (8052.0, 12_853.0),
    quick: Annotated[
        bool, typer.Option("--quick", help="Everything once and small; the numbers mean little.")
    ] = False,
    overwrite: OverwriteOption = False,
    json: JsonOption = False,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Time clones, gradients, fits and compilation, with their memory, beside windows of a fixed size.

    \b
    Example:
      blase bench -o bench-output
    """  # noqa: D301
    span, long_span = parse_range(wavelength), parse_range(long_wavelength)
    assert span is not None and long_span is not None
    from blase.containers.atomic import check_output

    if output is not None:
        check_output(output, overwrite=overwrite)

    from blase.benchmark.files import write_benchmark
    from blase.benchmark.run import run_benchmark
    from blase.benchmark.settings import Settings
    from blase.benchmark.settings import quick as quick_settings
    from blase.benchmark.table import to_markdown
    from blase.containers.json_text import to_line

    if quick:
        settings = quick_settings(star=star, wavelength_range=span, epochs=epochs)
    else:
        settings = Settings(
            star=star, wavelength_range=span, long_star=long_star, long_range=long_span, epochs=epochs
        )
    with show_progress(quiet=quiet, verbose=verbose) as listener:
        numbers = run_benchmark(
            settings,
            wavelength_file=wavelength_file,
            progress=listener,
        )
    if output is not None:
        write_benchmark(numbers, output, overwrite=overwrite)
    print(to_line(numbers) if json else to_markdown(numbers))
    if output is not None:
        say(f"written: {output}")
