"""`blase prepare`: what is done to a spectrum before a fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from blase.cli.air_options import FileOption, ReplaceOption
from blase.cli.info import info_lines
from blase.cli.messages import say
from blase.cli.options import Frame as FrameName
from blase.cli.options import (
    JsonOption,
    OrderOption,
    QuietOption,
    VerboseOption,
    WavelengthOption,
    parse_masks,
    parse_orders,
    parse_range,
)
from blase.cli.reader_options import ReaderOptions, reads_spectrum
from blase.errors import InputError


@reads_spectrum
def prepare(
    spectra: Annotated[
        list[Path], typer.Argument(metavar="SPECTRUM...", help="The spectrum; several exposures are stacked.")
    ],
    output: FileOption,
    order: OrderOption = None,
    wavelength: WavelengthOption = None,
    *,
    reader: ReaderOptions,
    sky_scale: Annotated[
        float,
        typer.Option("--sky-scale", metavar="K", help="Throughput of the science fibre over the sky fibre."),
    ] = 1.0,
    trim: Annotated[
        int, typer.Option("--trim", min=0, metavar="N", help="Mask N pixels at either end of every order.")
    ] = 0,
    mask: Annotated[
        list[str] | None,
        typer.Option("--mask", metavar="LO:HI", help="Mask a range of wavelengths. Repeatable."),
    ] = None,
    estimate_uncertainty: Annotated[
        int | None,
        typer.Option(
            "--estimate-uncertainty",
            metavar="N",
            help="Measure the noise in blocks of N pixels of the flux, in place of what the file says.",
        ),
    ] = None,
    cosmic_rays: Annotated[
        float | None,
        typer.Option("--cosmic-rays", metavar="SIGMA", help="Mask spikes above SIGMA, such as 8."),
    ] = None,
    deblaze: Annotated[bool, typer.Option("--deblaze", help="Divide the blaze out.")] = False,
    to_frame: Annotated[
        FrameName | None,
        typer.Option("--to-frame", help="Bring wavelengths there; a stack is barycentric by default."),
    ] = None,
    eprv: Annotated[
        bool, typer.Option("--eprv", help="Write the EPRV standard, level 2, instead of blasé's tables.")
    ] = False,
    overwrite: ReplaceOption = False,
    json: JsonOption = False,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Prepare a spectrum for a fit, step by step in the order of the options, and write it to a file.

    Every step is in the history, which blase info and the results of a fit show.

    \b
    Examples:
      blase prepare Slope-20190224.optimal.fits --sky subtract --trim 8 --cosmic-rays 8 -o clean.fits
      blase prepare night1.fits night2.fits --order 3-5 -o stacked.fits
    """  # noqa: D301
    from blase.containers.atomic import check_file

    check_file(output, overwrite=overwrite)
    if reader.sky == "none" and sky_scale != 1.0:
        raise InputError(
            "--sky-scale means nothing without --sky subtract",
            value=sky_scale,
            expected="--sky subtract, or no scale",
            fix="give --sky subtract, or leave --sky-scale away",
        )
    rows, span, masks = parse_orders(order), parse_range(wavelength), parse_masks(mask)
    from blase import preprocess
    from blase.instruments import write_eprv, write_prepared

    read = [replace(reader, sky="none").read(path) for path in spectra]
    done = preprocess.prepare(
        read,
        preprocess.Steps(
            orders=rows,
            wavelength_range=span,
            sky_scale=sky_scale if reader.sky == "subtract" else None,
            trim=trim,
            masks=masks,
            uncertainty_window=estimate_uncertainty,
            cosmic_rays=cosmic_rays,
            deblaze=deblaze,
            frame=to_frame,
        ),
    )
    (write_eprv if eprv else write_prepared)(done, output, overwrite=overwrite)
    if json:
        from blase.containers.json_text import to_line

        print(to_line(done.info()))
    else:
        print("\n".join(info_lines(done.info())))
    say(f"written: {output}")
