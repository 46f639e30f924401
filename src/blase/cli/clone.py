"""`blase clone`: turn a template into lines."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from blase.cli.components import say_assumed_medium
from blase.cli.messages import NOT_CONVERGED, say
from blase.cli.options import (
    DownloadOption,
    JsonOption,
    LogOption,
    MediumOption,
    OutputOption,
    OverwriteOption,
    QuietOption,
    TeffOption,
    VerboseOption,
    WavelengthFileOption,
    WavelengthOption,
    WavelengthUnitOption,
    parse_range,
    parse_template_resolving_power,
)
from blase.cli.progress import both, show_progress
from blase.cli.progress_log import log_progress
from blase.cli.summary_text import read_summary
from blase.cli.timing import StageClock


def clone(
    template: Annotated[
        str, typer.Argument(metavar="TEMPLATE", help="Template file, line list, or embedded:star[?seed=3].")
    ],
    output: OutputOption,
    wavelength: WavelengthOption = None,
    telluric: Annotated[
        bool, typer.Option("--telluric", help="The template is a telluric transmission, not a star.")
    ] = False,
    prominence: Annotated[
        float | None,
        typer.Option("--prominence", min=0.0, metavar="P", help="Smallest line to find, in normalised flux."),
    ] = None,
    template_resolving_power: Annotated[
        str | None,
        typer.Option(
            "--template-resolving-power",
            metavar="R[:ERR]|fit",
            help="Resolving power to which the template is already blurred.",
        ),
    ] = None,
    resolving_power: Annotated[
        float,
        typer.Option("--resolving-power", metavar="R", help="Where the instrument's residual is taken."),
    ] = 55_000.0,
    wavelength_file: WavelengthFileOption = None,
    wavelength_unit: WavelengthUnitOption = None,
    medium: MediumOption = None,
    teff: TeffOption = None,
    flattening: Annotated[
        Literal["auto", "smooth", "pseudo"],
        typer.Option(
            "--flattening",
            help="Continuum of an absolute flux: smooth, a pseudo-continuum on the highest points, or by "
            "temperature (pseudo below 4000 K).",
        ),
    ] = "auto",
    download: DownloadOption = False,
    overwrite: OverwriteOption = False,
    json: JsonOption = False,
    log: LogOption = None,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Clone a template: find its lines and fit all of them at native resolution.

    \b
    Example:
      blase clone lte04800-4.50-0.0.PHOENIX-ACES-AGSS-COND-2011-HiRes.fits \\
        --wavelength-file WAVE_PHOENIX-ACES-AGSS-COND-2011.fits --wavelength 8640 8780 -o star-4800
    """  # noqa: D301
    clock = StageClock()
    span = parse_range(wavelength)
    blur = parse_template_resolving_power(template_resolving_power, "--template-resolving-power")
    from blase.containers.atomic import check_output
    from blase.containers.metadata import require_resolving_power

    check_output(output, overwrite=overwrite)
    require_resolving_power(resolving_power, flag="--resolving-power")

    from blase.cloning import clone_template
    from blase.templates import read_template

    with (
        show_progress(quiet=quiet, verbose=verbose) as listener,
        log_progress(log, command="clone") as logged,
    ):
        listen = both(clock.event, listener, logged)
        listen({"stage": "read", "message": template})
        source = read_template(
            template,
            wavelength_file=wavelength_file,
            wavelength_unit=wavelength_unit,
            medium=medium,
            resolving_power=blur,
            wavelength_range=span,
            effective_temperature=teff,
            flattening=flattening,
            download=download,
        )
        if not quiet:
            say_assumed_medium(source, template, "--medium")
        made = clone_template(
            source,
            kind="telluric" if telluric else "stellar",
            wavelength_range=span,
            prominence=prominence,
            instrument_resolving_power=resolving_power,
            progress=listen,
        )
        listen({"stage": "write", "message": str(output)})
        made.write(output, overwrite=overwrite, late_summary=clock.summary)
    _print(read_summary(output), str(output), json=json)
    if not made.converged:
        say(f"not converged: {made.summary.get('stop_reason')}")
        raise typer.Exit(NOT_CONVERGED)


def _print(summary: dict[str, Any], output: str, *, json: bool) -> None:
    """Print the summary as one line of JSON, or the few numbers that matter."""
    if json:
        from blase.containers.json_text import to_line

        print(to_line(summary))
        say(f"written: {output}")
        return
    for line in describe_rounds(summary.get("rounds") or []):
        print(line)
    print(f"lines                      {summary['n_lines']}")
    print(f"residual, native           {_percent(summary.get('residual_rms_native'))}")
    print(f"residual, instrument       {_percent(summary.get('residual_rms_instrument'))}")
    if summary.get("stop_reason"):
        print(f"stopped because            {summary['stop_reason']}")
    print(f"time                       {summary['wall_seconds']:.1f} s")
    print(f"written                    {output}")


def describe_rounds(rounds: list[dict[str, Any]]) -> list[str]:
    """A table for a person: what every round added and removed, and how good its fit was."""
    if not rounds:
        return []
    lines = ["round   added  vanished  merged    lines  residual, native"]
    lines += [
        f"{r['number']:>5} {r['added']:>7} {r['vanished']:>9} {r['duplicates']:>7} {r['n_lines']:>8}"
        f"  {_percent(r['residual_rms_native'])}"
        for r in rounds
    ]
    return [*lines, ""]


def _percent(value: float | None) -> str:
    """Return a fraction in per cent, or say that it is not known."""
    return "not known" if value is None else f"{100 * value:.3f} %"
