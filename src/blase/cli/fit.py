"""`blase fit`: fit a spectrum with a star, an atmosphere and an instrument."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from blase.cli.checkpoint import check_resume, checkpoint_path, checkpoint_state, say_interrupted
from blase.cli.components import load_component, refuse_without, template_range
from blase.cli.decisions import decision_lines
from blase.cli.messages import NOT_CONVERGED, say
from blase.cli.options import (
    DeviceOption,
    DownloadOption,
    JsonOption,
    LogOption,
    OrderOption,
    OutputOption,
    OverwriteOption,
    QuietOption,
    SeedOption,
    TeffOption,
    TelluricMediumOption,
    TelluricUnitOption,
    TemplateMediumOption,
    TemplateUnitOption,
    VerboseOption,
    WavelengthFileOption,
    WavelengthOption,
    check_distinct,
    parse_fixed,
    parse_orders,
    parse_range,
    parse_template_resolving_power,
    parse_wavelength_correction,
)
from blase.cli.prior_options import (
    CurveOption,
    NewLinesOption,
    NoiseInflationOption,
    PriorOption,
    PriorWidthOption,
    parse_prior_widths,
    parse_priors,
)
from blase.cli.progress import both, show_progress
from blase.cli.progress_log import log_progress
from blase.cli.reader_options import ReaderOptions, reads_spectrum
from blase.cli.summary_text import fit_lines, read_summary
from blase.cli.time_left import Plan, with_time_left
from blase.cli.timing import StageClock


@reads_spectrum
def fit(
    spectrum: Annotated[Path, typer.Argument(metavar="SPECTRUM", help="The observed spectrum.")],
    star: Annotated[
        str,
        typer.Option(
            "--star", metavar="CLONE|TEMPLATE", help="Stellar clone directory, template or line list."
        ),
    ],
    output: OutputOption,
    telluric: Annotated[
        str | None,
        typer.Option("--telluric", metavar="CLONE|TEMPLATE", help="Telluric clone directory or template."),
    ] = None,
    order: OrderOption = None,
    wavelength: WavelengthOption = None,
    *,
    reader: ReaderOptions,
    template_resolving_power: Annotated[
        str | None,
        typer.Option(
            "--template-resolving-power",
            metavar="R[:ERR]|fit",
            help="Resolving power to which the stellar template is already blurred.",
        ),
    ] = None,
    telluric_resolving_power: Annotated[
        str | None,
        typer.Option(
            "--telluric-resolving-power",
            metavar="R[:ERR]|fit",
            help="Resolving power to which the telluric template is already blurred.",
        ),
    ] = None,
    template_wavelength_unit: TemplateUnitOption = None,
    template_medium: TemplateMediumOption = None,
    telluric_wavelength_unit: TelluricUnitOption = None,
    telluric_medium: TelluricMediumOption = None,
    rv_guess: Annotated[
        float | None,
        typer.Option(
            "--rv-guess", metavar="KM_S", help="Starting velocity; found by cross-correlation if absent."
        ),
    ] = None,
    fix: Annotated[
        list[str] | None,
        typer.Option(
            "--fix", metavar="NAME[=V]", help="Hold a global parameter, at V where given. Repeatable."
        ),
    ] = None,
    free: Annotated[
        list[str] | None,
        typer.Option("--free", metavar="NAME", help="Free a parameter that is fixed by default. Repeatable."),
    ] = None,
    prior: PriorOption = None,
    prior_width: PriorWidthOption = None,
    noise_inflation: NoiseInflationOption = None,
    continuum_degree: Annotated[
        int,
        typer.Option("--continuum-degree", min=0, metavar="N", help="Degree of the continuum of an order."),
    ] = 5,
    airglow: Annotated[
        str | None,
        typer.Option(
            "--airglow",
            metavar="free|fixed",
            help="Add emission lines of the night sky, for data whose sky was not taken off.",
        ),
    ] = None,
    airglow_list: Annotated[
        Path | None,
        typer.Option("--airglow-list", metavar="FILE", help="Wavelengths and intensities of these lines."),
    ] = None,
    folds: Annotated[
        int, typer.Option("--folds", min=0, metavar="N", help="Folds of pixels held out in turn; 0 for none.")
    ] = 5,
    wavelength_correction: Annotated[
        str | None,
        typer.Option(
            "--wavelength-correction",
            metavar="KM_S[:DEGREE]|off",
            help="Prior width of the correction of every order's wavelengths; by default the instrument's.",
        ),
    ] = None,
    curve: CurveOption = True,
    new_lines: NewLinesOption = True,
    wavelength_file: WavelengthFileOption = None,
    teff: TeffOption = None,
    download: DownloadOption = False,
    device: DeviceOption = "cpu",
    seed: SeedOption = 0,
    overwrite: OverwriteOption = False,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on from the checkpoint that an interrupted run left beside DIR."),
    ] = False,
    json: JsonOption = False,
    log: LogOption = None,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Fit a spectrum with every stellar and telluric line free at the same time.

    \b
    Examples:
      blase fit WASP_69_hpf_stack.fits --star star-4800 --telluric telluric-hpf \\
        --medium vacuum --frame barycentric --resolving-power 55000:1500 -o wasp69
      blase fit Slope-20190224.optimal.fits --star star-3900 --order 1 -o gj699
    """  # noqa: D301
    clock = StageClock()
    span = parse_range(wavelength)
    rows = parse_orders(order)
    star_power = parse_template_resolving_power(template_resolving_power, "--template-resolving-power")
    telluric_power = parse_template_resolving_power(telluric_resolving_power, "--telluric-resolving-power")
    fixed = parse_fixed(fix)
    check_distinct(fixed, free)
    correction = parse_wavelength_correction(wavelength_correction)
    shapes, widths = parse_priors(prior), parse_prior_widths(prior_width)
    if telluric is None:
        refuse_without(
            "--telluric",
            {
                "--telluric-resolving-power": telluric_resolving_power,
                "--telluric-wavelength-unit": telluric_wavelength_unit,
                "--telluric-medium": telluric_medium,
            },
        )
    checkpoint = checkpoint_path(output)
    before = checkpoint_state(checkpoint)
    from blase.containers.atomic import check_output

    check_output(output, overwrite=overwrite)
    check_resume(checkpoint, resume=resume)

    from blase.pipeline import fit_spectrum
    from blase.results.files import write_result

    try:
        with (
            show_progress(quiet=quiet, verbose=verbose) as listener,
            log_progress(log, command="fit") as logged,
        ):
            plan = Plan(folds=folds, curve=curve, search=new_lines)
            listen = both(clock.event, with_time_left(plan, both(listener, logged)))
            listen({"stage": "read", "message": str(spectrum)})
            observed = reader.read(spectrum)
            reach = template_range(observed, rows, span)
            stellar = load_component(
                star,
                flag="--template",
                quiet=quiet,
                resolving_power=star_power,
                span=reach,
                wavelength_unit=template_wavelength_unit,
                medium=template_medium,
                wavelength_file=wavelength_file,
                teff=teff,
                download=download,
            )
            atmosphere = telluric and load_component(
                telluric,
                flag="--telluric",
                quiet=quiet,
                resolving_power=telluric_power,
                span=reach,
                wavelength_unit=telluric_wavelength_unit,
                medium=telluric_medium,
            )
            result = fit_spectrum(
                observed,
                star=stellar,
                telluric=atmosphere,
                orders=rows,
                wavelength_range=span,
                resolving_power=reader.resolving_power,
                rv_guess=rv_guess,
                fix=fixed,
                free=free or None,
                priors=shapes,
                prior_widths=widths,
                noise_inflation=noise_inflation,
                continuum_degree=continuum_degree,
                wavelength_correction=correction,
                airglow=airglow,
                airglow_list=airglow_list,
                folds=folds,
                curve=curve,
                new_lines=new_lines,
                device=device,
                seed=seed,
                checkpoint=checkpoint,
                resume=resume,
                progress=listen,
            )
            listen({"stage": "write", "message": str(output)})
            write_result(result, output, overwrite=overwrite, late_summary=clock.summary)
    except KeyboardInterrupt:
        say_interrupted(checkpoint, before)
        raise
    checkpoint.unlink(missing_ok=True)
    summary = read_summary(output)
    if verbose and not quiet:
        say("\n".join(decision_lines(summary)))
    print_summary(summary, output, json=json)
    if not result.converged:
        say(f"not converged: {result.summary.get('stop_reason')}")
        raise typer.Exit(NOT_CONVERGED)


def print_summary(summary: dict[str, Any], output: Path, *, json: bool) -> None:
    """Print the summary as one line of JSON, or the numbers that matter."""
    if json:
        from blase.containers.json_text import to_line

        print(to_line(summary))
        say(f"written: {output}")
        return
    print("\n".join(fit_lines(summary)))
    print(f"written: {output}")
