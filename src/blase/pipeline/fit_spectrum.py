"""The main job in one call: observed spectrum, star and atmosphere in; every line and velocity out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from blase.adapters import as_spectrum
from blase.containers import EchelleSpectrum
from blase.containers.metadata import Metadata
from blase.errors import InputError
from blase.fit.data_space import DataSpace
from blase.fit.jacobian import jacobian
from blase.pipeline.airglow import away_from, chosen_airglow
from blase.pipeline.airglow_table import airglow_table
from blase.pipeline.assemble import fit_summary, order_fits, stellar_template, strained_parameters
from blase.pipeline.blends import described, unresolved_blends
from blase.pipeline.build import FIRST_MACROTURBULENCE, Settings, within_reach
from blase.pipeline.checkpoint import Checkpoint, read_checkpoint
from blase.pipeline.coverage import covered_orders, overlapping_orders
from blase.pipeline.device import require_device
from blase.pipeline.fingerprint import fingerprint
from blase.pipeline.first_velocity import first_velocity
from blase.pipeline.heldout import heldout_models
from blase.pipeline.line_search import Searched, search_lines
from blase.pipeline.line_table import line_table
from blase.pipeline.linearise import linearised_fit
from blase.pipeline.log import FitLog
from blase.pipeline.options import Freedom, freedom, require_within
from blase.pipeline.order_freedom import Asked, choose_correction, parse_correction, require_several
from blase.pipeline.order_table import strained_orders
from blase.pipeline.outliers import outlier_notes, outlier_table
from blase.pipeline.prepare import select_orders, to_pixels, usable_orders
from blase.pipeline.regularisation import first_widths, regularisation
from blase.pipeline.regularisation_curve import curve_warnings, regularisation_curve
from blase.pipeline.requirements import (
    known_resolving_power,
    require_degree,
    require_something_free,
    wind_velocity,
)
from blase.pipeline.revision import Revision
from blase.pipeline.solve import solve
from blase.pipeline.sources import Source, as_clone
from blase.pipeline.start import LARGEST_VELOCITY, NEAR_GUESS
from blase.pipeline.state import Start
from blase.results.result import FitResult


def fit_spectrum(
    spectrum: EchelleSpectrum | Any,
    *,
    star: Source,
    telluric: Source | None = None,
    orders: list[int] | None = None,
    wavelength_range: tuple[float, float] | None = None,
    resolving_power: float | tuple[float, float] | None = None,
    rv_guess: float | None = None,
    fix: dict[str, float | None] | None = None,
    free: list[str] | None = None,
    priors: dict[str, str] | None = None,
    prior_widths: dict[str, float] | None = None,
    noise_inflation: float | None = None,
    continuum_degree: int = 5,
    wavelength_correction: Asked = None,
    airglow: str | None = None,
    airglow_list: str | Path | None = None,
    folds: int = 5,
    curve: bool = True,
    new_lines: bool = True,
    device: str = "cpu",
    seed: int = 0,
    max_iterations: int = 60,
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: Callable[[dict[str, Any]], None] | None = None,
) -> FitResult:
    """Fit star times atmosphere, blurred and integrated over pixels, every line near its clone by a prior.

    Parameters
    ----------
    spectrum : a container, or an object of specutils or muler (`blase.adapters.as_spectrum`).
    star, telluric : a clone or its directory, a template or its file, or a line list; templates are cloned
        first.
    orders : rows as `blase info` shows them; all by default. `wavelength_range` [vacuum Angstrom, frame of
        the data] cuts them further.
    resolving_power : lambda/FWHM of the line spread before pixel integration, with its error (3 % unless
        given); by default what the spectrum knows of its instrument.
    rv_guess : [km/s] narrows the search of the starting velocity to +-50 km/s around it.
    fix : parameters held at a value, or where they start (None); free : parameters that are fixed by default.
        Names in `blase.pipeline.options`.
    priors : shape of the prior of a class of lines, as in {"stellar_strength": "student-t"}: "gaussian",
        "laplace" or "student-t".
    prior_widths : standard deviation of the prior of a class of lines that is held instead of learned [km/s
        for centres, natural logarithm for the rest].
    noise_inflation : factor on the errors of all orders that is held instead of learned.
    wavelength_correction : width [km/s] of the prior of every Legendre coefficient (from -1 to 1 along an
        order) by which its pixels are displaced, or width and degree; "off"; None for the default of the
        instrument, which is off where wavelengths are stable or the instrument is not known.
    airglow : "free" adds emission lines of the night sky, each with a flux of its own; "fixed" one flux for
        those of an order, whose relative intensities are believed; None none.
    airglow_list : a table of such lines (`blase.atmosphere.airglow`); by default those of OH.
    folds : contiguous blocks of pixels are left out in turn to measure the residual on unseen pixels;
        0 skips that.
    curve : whether to show how the fit would be with narrower and with wider priors
        (`blase.pipeline.regularisation_curve`).
    new_lines : whether lines that the data show are added to those of the star, and lines that they do not
    show
        are dropped (`blase.pipeline.line_search`).
    device : "cpu", or a GPU that is there, such as "cuda": then with a warning, as the structured solver
        computes on the CPU whatever the device.
    seed : recorded; the fit itself draws no random numbers.
    checkpoint : file to which the state is saved after every pass; `resume` starts from it.

    Returns
    -------
    FitResult, with standard errors of every parameter.

    Raises
    ------
    InputError
        for anything in the input that makes the fit impossible, with what to do about it.
    """
    torch.manual_seed(seed)
    on_processor = require_device(device)
    if folds == 1 or folds < 0:
        raise InputError(
            "the number of folds is out of range",
            value=folds,
            expected="0 (off) or at least 2",
            fix="pass --folds 5",
        )
    if rv_guess is not None:
        require_within("radial_velocity", rv_guess)
    parse_correction(wavelength_correction)
    log, liberty = FitLog(progress), freedom(fix, free)
    sky = chosen_airglow(airglow, airglow_list)
    chosen_priors = regularisation(
        priors, prior_widths, noise_inflation, liberty, with_air=telluric is not None
    )
    log.stage("prepare")
    spectrum = as_spectrum(spectrum)
    if on_processor is not None:
        log.warn(on_processor)
    chosen = select_orders(spectrum, orders, wavelength_range)
    metadata = chosen.metadata
    if orders is not None and len(chosen.orders) < len(orders):
        log.warn(f"{metadata.history[-1]}: left out")
    chosen, unusable = usable_orders(chosen)
    for what in unusable:
        log.warn(f"left out: {what}")
    require_degree(continuum_degree, chosen)
    pixels = [to_pixels(order) for order in chosen.orders]
    power, power_error = known_resolving_power(resolving_power, metadata, liberty)
    require_several(liberty, len(pixels), metadata.path)
    require_something_free(liberty, with_air=telluric is not None, power_is_free=power_error > 0)
    moving = telluric is not None or sky is not None
    wind = wind_velocity(metadata, liberty) if moving else 0.0
    if metadata.frame == "unknown":
        log.warn(
            f"{metadata.path or 'the spectrum'}: the frame is not stated, so velocities are in that of the "
            "file, whatever it is; pass --frame (frame=... of read_spectrum)"
        )
    log.done("prepare")

    reach = LARGEST_VELOCITY if rv_guess is None else abs(rv_guess) + NEAR_GUESS
    stellar = as_clone(star, "stellar", pixels, reach, power, log)
    atmosphere = (
        None if telluric is None else as_clone(telluric, "telluric", pixels, abs(wind) + 5, power, log)
    )
    pixels = overlapping_orders(stellar, pixels, reach, metadata, log)
    log.done("clone")

    mark = fingerprint(
        pixels,
        stellar,
        atmosphere,
        (
            power,
            power_error,
            wind,
            continuum_degree,
            liberty,
            rv_guess,
            wavelength_correction,
            chosen_priors,
            new_lines,
            None if sky is None else (sky.centre.tolist(), sky.group.tolist()),
        ),
    )
    saved = read_checkpoint(checkpoint, mark) if resume and checkpoint is not None else None
    if saved is None:
        log.stage("starting velocity", f"cross-correlation over +-{reach:g} km/s")
        start = first_velocity(
            [away_from(sky, p, wind) for p in pixels],
            stellar,
            atmosphere,
            power,
            wind,
            continuum_degree,
            rv_guess,
            liberty,
            log,
        )
    else:
        start = (saved.radial_velocity, saved.vsini)
    log.done("starting velocity")
    first = first_widths(chosen_priors, liberty)
    settings = Settings(
        star=stellar,
        telluric=atmosphere,
        radial_velocity=start[0],
        vsini=start[1],
        wind_velocity=wind,
        resolving_power=power,
        resolving_power_error=power_error,
        limb_darkening=_fixed(liberty, "limb_darkening", 0.6),
        macroturbulence=_first_macroturbulence(liberty),
        continuum_degree=continuum_degree,
        freedom=liberty,
        airglow=sky,
        stellar_prior=first[0],
        telluric_prior=first[1],
        regularisation=chosen_priors,
    )
    pixels = covered_orders(pixels, stellar, start[0], metadata, log)
    settings = within_reach(settings, pixels)
    settings = _corrected(settings, wavelength_correction, len(pixels), metadata, log)

    def save(state: Start, revision: Revision) -> None:
        if checkpoint is not None:
            Checkpoint(state, *start, revision).write(checkpoint, mark)

    cloned = settings.star.lines
    revision = Revision.none(cloned) if saved is None else saved.revision
    settings = revision.applied(settings)
    solved = solve(
        pixels,
        settings,
        start=None if saved is None else saved.start,
        max_iterations=max_iterations,
        progress=progress,
        checkpoint=lambda state: save(state, revision),
    )
    log.done("fit")
    searched = Searched(settings, solved, revision)
    if new_lines:
        searched = search_lines(
            pixels,
            settings,
            solved,
            revision,
            max_iterations=max_iterations,
            progress=progress,
            save=save,
        )
        settings, solved = searched.settings, searched.solved
        log.done("line search")
    dropped = searched.revision.dropped(cloned)
    heldout, along = None, None
    if folds:
        heldout = heldout_models(
            pixels, settings, solved.state, folds=folds, max_iterations=max_iterations, progress=progress
        )
        log.done("held-out pixels")
    if curve:
        along = regularisation_curve(pixels, settings, solved, heldout, folds=folds, progress=progress)
        log.done("regularisation curve")
    outliers = outlier_table(pixels, solved.state.enlargement)
    notes = [*metadata.notes, *log.notes, *outlier_notes(outliers)]
    log.warnings.extend([*strained_parameters(solved, settings), *strained_orders(solved, pixels)])
    log.warnings.extend(curve_warnings(along))
    unseen = None if heldout is None else heldout.model
    summary = fit_summary(solved, settings, pixels, metadata, unseen, warnings=log.warnings, notes=notes)
    summary["n_lines"] |= searched.counts
    summary["line_search"] = searched.describe if new_lines else None
    summary["airglow"] = airglow_table(solved, sky, pixels, wind)
    derivative = jacobian(solved.model, solved.objective.data, solved.normal_space)
    system = DataSpace(derivative)
    blends = unresolved_blends(solved, system)
    lines = line_table(solved, settings.star, settings.telluric, pixels, dropped=dropped, blends=blends)
    summary["blends"] = described(blends, lines)
    result = FitResult(
        summary=summary | {"regularisation_curve": along, "outliers": outliers, "seed": seed},
        lines=lines,
        orders=order_fits(solved, pixels, metadata.flux_unit),
        template=stellar_template(solved, system, pixels),
        state={name: tensor.detach() for name, tensor in solved.model.state_dict().items()},
        convergence=solved.history,
        linearised=linearised_fit(solved, derivative, pixels, metadata.flux_unit, lines),
    )
    log.done("assemble")
    summary = result.summary
    summary["wall_seconds"], summary["stages"] = sum(log.stages.values()), dict(log.stages)
    return result


def _corrected(settings: Settings, asked: Asked, n_orders: int, metadata: Metadata, log: FitLog) -> Settings:
    """The same settings with the correction of the wavelengths, which is announced."""
    air = settings.telluric is not None and len(settings.telluric.lines) > 0
    correction, said = choose_correction(asked, metadata, anchored=air, n_orders=n_orders)
    log.notes.extend(said)
    if asked is None and said:
        log.warn(said[0])
    return replace(settings, wavelength_correction=correction)


def _first_macroturbulence(liberty: Freedom) -> float:
    """As held by the user; where a free one begins; else none."""
    return _fixed(
        liberty, "macroturbulence", FIRST_MACROTURBULENCE if liberty.is_free("macroturbulence") else 0.0
    )


def _fixed(liberty: Freedom, name: str, otherwise: float) -> float:
    value = liberty.fixed.get(name)
    return otherwise if value is None else value
