"""The main job in one call: observed spectrum, star and atmosphere in; every line and velocity out."""

from __future__ import annotations

import hashlib
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from blase.cloning import Clone, clone_template, is_clone
from blase.cloning.clone import Kind
from blase.constants import SPEED_OF_LIGHT
from blase.containers import EchelleSpectrum
from blase.containers.metadata import Metadata, require_resolving_power
from blase.errors import BlaseWarning, InputError
from blase.functional.doppler import velocity_from_factor
from blase.pipeline.assemble import fit_summary, order_fits, stellar_template, strained_parameters
from blase.pipeline.attempt import Progress
from blase.pipeline.blends import described, unresolved_blends
from blase.pipeline.build import Settings, within_reach
from blase.pipeline.checkpoint import Checkpoint, read_checkpoint
from blase.pipeline.device import require_device
from blase.pipeline.heldout import heldout_models
from blase.pipeline.line_search import Searched, search_lines
from blase.pipeline.line_table import line_table
from blase.pipeline.options import LINE_CLASSES, Freedom, freedom, require_within
from blase.pipeline.order_freedom import Asked, choose_correction, parse_correction, require_several
from blase.pipeline.order_table import strained_orders
from blase.pipeline.outliers import outlier_notes, outlier_table
from blase.pipeline.prepare import Pixels, select_orders, to_pixels, uncovered, usable_orders, without
from blase.pipeline.regularisation import first_widths, regularisation
from blase.pipeline.regularisation_curve import curve_warnings, regularisation_curve
from blase.pipeline.revision import Revision
from blase.pipeline.solve import solve
from blase.pipeline.start import LARGEST_VELOCITY, NEAR_GUESS, starting_point
from blase.pipeline.state import Start
from blase.results.result import FitResult
from blase.templates import read_template
from blase.templates.template import LineTemplate, Template

Source = Clone | Template | LineTemplate | str | Path
DEFAULT_RESOLVING_POWER_ERROR = 0.03
WING_REACH = 1200.0
"""How far beyond the data a template is cloned [km/s], for the wings of strong lines out there."""
_FEWEST_PIXELS = 50
_HIGHEST_DEGREE, _PIXELS_PER_DEGREE = 50, 10
_CLEAR_VELOCITY = 0.02
"""Decrease of chi-square per pixel by the star's lines below which the starting velocity is doubtful."""


@dataclass
class _Log:
    """What the user should know, how long each stage took, and whom to tell."""

    progress: Progress | None
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    stages: dict[str, float] = field(default_factory=dict)
    _since: float = field(default_factory=time.perf_counter)

    def stage(self, name: str, message: str = "") -> None:
        if self.progress is not None:
            self.progress(
                {"stage": name, "iteration": 0, "total": None, "residual_rms": None, "message": message}
            )

    def done(self, name: str) -> None:
        now = time.perf_counter()
        self.stages[name] = self.stages.get(name, 0.0) + now - self._since
        self._since = now

    def warn(self, message: str) -> None:
        self.warnings.append(message)
        warnings.warn(message, BlaseWarning, stacklevel=3)


def fit_spectrum(
    spectrum: EchelleSpectrum,
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
    log, liberty = _Log(progress), freedom(fix, free)
    chosen_priors = regularisation(
        priors, prior_widths, noise_inflation, liberty, with_air=telluric is not None
    )
    log.stage("prepare")
    if on_processor is not None:
        log.warn(on_processor)
    chosen = select_orders(spectrum, orders, wavelength_range)
    metadata = chosen.metadata
    if orders is not None and len(chosen.orders) < len(orders):
        log.warn(f"{metadata.history[-1]}: left out")
    chosen, unusable = usable_orders(chosen)
    for what in unusable:
        log.warn(f"left out: {what}")
    _require_degree(continuum_degree, chosen)
    pixels = [to_pixels(order) for order in chosen.orders]
    power, power_error = _resolving_power(resolving_power, metadata, liberty)
    require_several(liberty, len(pixels), metadata.path)
    _require_something_free(liberty, with_air=telluric is not None, power_is_free=power_error > 0)
    wind = _wind_velocity(metadata, liberty) if telluric is not None else 0.0
    if metadata.frame == "unknown":
        log.warn(
            f"{metadata.path or 'the spectrum'}: the frame is not stated, so velocities are in that of the "
            "file, whatever it is; pass --frame (frame=... of read_spectrum)"
        )
    log.done("prepare")

    reach = LARGEST_VELOCITY if rv_guess is None else abs(rv_guess) + NEAR_GUESS
    stellar = _as_clone(star, "stellar", pixels, reach, power, log)
    atmosphere = (
        None if telluric is None else _as_clone(telluric, "telluric", pixels, abs(wind) + 5, power, log)
    )
    pixels = _overlapping(stellar, pixels, reach, metadata, log)
    log.done("clone")

    mark = _fingerprint(
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
        ),
    )
    saved = read_checkpoint(checkpoint, mark) if resume and checkpoint is not None else None
    if saved is None:
        log.stage("starting velocity", f"cross-correlation over +-{reach:g} km/s")
        start = _start(pixels, stellar, atmosphere, power, wind, continuum_degree, rv_guess, liberty, log)
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
        continuum_degree=continuum_degree,
        freedom=liberty,
        stellar_prior=first[0],
        telluric_prior=first[1],
        regularisation=chosen_priors,
    )
    pixels = _covered(pixels, stellar, start[0], metadata, log)
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
    blends = unresolved_blends(solved)
    lines = line_table(solved, settings.star, settings.telluric, pixels, dropped=dropped, blends=blends)
    summary["blends"] = described(blends, lines)
    result = FitResult(
        summary=summary | {"regularisation_curve": along, "outliers": outliers, "seed": seed},
        lines=lines,
        orders=order_fits(solved, pixels, metadata.flux_unit),
        template=stellar_template(solved, pixels),
        state={name: tensor.detach() for name, tensor in solved.model.state_dict().items()},
        convergence=solved.history,
    )
    log.done("assemble")
    summary = result.summary
    summary["wall_seconds"], summary["stages"] = sum(log.stages.values()), dict(log.stages)
    return result


def _require_degree(degree: int, spectrum: EchelleSpectrum) -> None:
    """Raise `InputError` where the continuum could follow single lines, or noise."""
    smallest = min(spectrum.orders, key=lambda order: order.n_good)
    limit = min(_HIGHEST_DEGREE, smallest.n_good // _PIXELS_PER_DEGREE)
    if not 0 <= degree <= limit:
        raise InputError(
            "the continuum degree is out of range",
            path=spectrum.metadata.path,
            value=degree,
            expected=f"0 to {limit}: at most {_HIGHEST_DEGREE}, and {_PIXELS_PER_DEGREE} good pixels each "
            f"({smallest.label} has {smallest.n_good})",
            fix="pass a lower --continuum-degree (continuum_degree=...)",
        )


def _require_something_free(liberty: Freedom, *, with_air: bool, power_is_free: bool) -> None:
    """Raise `InputError` where nothing is left to fit, or what has no part in the model is named."""
    of_air = ("wind_velocity", "telluric_")
    named = [name for name in (*liberty.fixed, *liberty.freed) if name.startswith(of_air)]
    if named and not with_air:
        raise InputError(
            f"{named[0]} means nothing without an atmosphere",
            value=", ".join(named),
            expected="parameters of what is fitted",
            fix="give --telluric (telluric=...), or leave --fix and --free of these away",
        )
    names = ["radial_velocity", "vsini", "continuum", *LINE_CLASSES, "wind_velocity", *liberty.freed]
    names += ["resolving_power"] if power_is_free else []
    if not any(liberty.is_free(n) for n in names if with_air or not n.startswith(of_air)):
        raise InputError(
            "nothing is left to fit: every parameter is fixed",
            value=f"fixed {', '.join(liberty.fixed)}",
            expected="at least one free parameter",
            fix="leave one --fix (fix=...) away",
        )


def _fixed(liberty: Freedom, name: str, otherwise: float) -> float:
    value = liberty.fixed.get(name)
    return otherwise if value is None else value


def _resolving_power(
    given: float | tuple[float, float] | None, metadata: Metadata, liberty: Freedom
) -> tuple[float, float]:
    """Resolving power and its error: given, held fixed, or known of the instrument."""
    held = liberty.fixed.get("resolving_power")
    if held is not None:
        given = (held, 0.0)
    if given is None and metadata.resolving_power is None:
        raise InputError(
            "the resolving power of the instrument is not known",
            path=metadata.path,
            value="none in the file, and none given",
            expected="lambda/FWHM of the line-spread function",
            fix="pass --resolving-power R[:ERR] (for instance 55000:1650)",
        )
    if given is None:
        value, error = metadata.resolving_power, metadata.resolving_power_error
    else:
        value, error = given if isinstance(given, tuple) else (given, None)
    assert value is not None
    require_resolving_power(value, path=metadata.path)
    if error is not None and not 0 <= error < value:
        raise InputError(
            "the error of the resolving power is out of range",
            path=metadata.path,
            value=f"{value:g} with error {error:g}",
            expected="an error from 0 to the resolving power itself",
            fix="pass --resolving-power R[:ERR]",
        )
    return float(value), float(DEFAULT_RESOLVING_POWER_ERROR * value if error is None else error)


def _wind_velocity(metadata: Metadata, liberty: Freedom) -> float:
    """Velocity of the air in the frame of the data [km/s]."""
    held = liberty.fixed.get("wind_velocity")
    if held is not None:
        return held
    if metadata.frame == "observatory":
        return 0.0
    if metadata.frame == "barycentric" and metadata.barycentric_velocity is not None:
        return float(velocity_from_factor(1 + metadata.barycentric_velocity / SPEED_OF_LIGHT))
    needed = (
        "--berv KM_S"
        if metadata.frame == "barycentric"
        else "--frame observatory, or --frame barycentric --berv KM_S"
    )
    raise InputError(
        "where the atmosphere lies in these wavelengths is not known",
        path=metadata.path,
        value=f"frame {metadata.frame}, barycentric velocity {metadata.barycentric_velocity}",
        expected="the observatory frame, or the barycentric frame with its velocity",
        fix=f"pass {needed}",
    )


def _as_clone(
    source: Source, kind: Kind, pixels: list[Pixels], reach: float, resolving_power: float, log: _Log
) -> Clone:
    """The clone itself, read from its directory, or made of a template over the range of the data."""
    if isinstance(source, str | Path) and is_clone(source):
        source = Clone.read(source)
    if isinstance(source, Clone):
        if source.kind != kind:
            raise InputError(
                f"a {source.kind} clone is given where a {kind} one is needed",
                path=source.summary.get("path"),
                value=source.kind,
                expected=kind,
                fix="exchange --star and --telluric, or clone the template anew with the right kind",
            )
        return source
    factor = 1 + (reach + WING_REACH) / SPEED_OF_LIGHT
    span = (min(p.edges[0] for p in pixels) / factor, max(p.edges[-1] for p in pixels) * factor)
    template = read_template(source, wavelength_range=span) if isinstance(source, str | Path) else source
    log.notes.extend(f"{kind} template: {note}" for note in template.notes)
    low, high = _extent(template)
    if high <= span[0] or low >= span[1]:
        raise InputError(
            f"the {kind} template does not overlap the spectrum",
            path=template.path,
            value=f"template {low:.1f} to {high:.1f} Angstrom",
            expected=f"some of {span[0]:.1f} to {span[1]:.1f} Angstrom",
            fix="choose another template or order, and check --wavelength-unit and --medium",
        )
    log.stage(f"clone ({kind})", template.name)
    return clone_template(
        template,
        kind=kind,
        wavelength_range=(max(span[0], low), min(span[1], high)),
        instrument_resolving_power=resolving_power,
        progress=log.progress,
    )


def _extent(template: Template | LineTemplate) -> tuple[float, float]:
    where = template.lines.centre if isinstance(template, LineTemplate) else template.wavelength
    return float(where[0]), float(where[-1])


def _overlapping(
    clone: Clone, pixels: list[Pixels], reach: float, metadata: Metadata, log: _Log
) -> list[Pixels]:
    """The orders that the stellar template may cover at some velocity; the others are named and left out."""
    factor = 1 + reach / SPEED_OF_LIGHT
    kept = [
        p
        for p in pixels
        if any(p.edges[-1] * factor >= low and p.edges[0] / factor <= high for low, high in clone.segments)
    ]
    if not kept:
        low, high = clone.wavelength_range
        raise InputError(
            f"order {pixels[0].row} does not overlap the stellar template",
            path=metadata.path,
            value=f"order {pixels[0].edges[0]:.1f} to {pixels[0].edges[-1]:.1f} Angstrom, "
            f"template {low:.1f} to {high:.1f} Angstrom",
            expected="overlapping vacuum wavelengths in Angstrom",
            fix="choose orders with --order, or another template; check --wavelength-unit and --medium",
        )
    _name_left_out(pixels, kept, log)
    return kept


def _name_left_out(before: list[Pixels], after: list[Pixels], log: _Log) -> None:
    gone = sorted({p.row for p in before} - {p.row for p in after})
    if gone:
        rows = ", ".join(map(str, gone))
        log.warn(f"orders that the stellar template does not cover are left out: {rows}")


def _start(
    pixels: list[Pixels],
    star: Clone,
    telluric: Clone | None,
    resolving_power: float,
    wind: float,
    degree: int,
    guess: float | None,
    liberty: Freedom,
    log: _Log,
) -> tuple[float, float]:
    """Starting radial velocity and vsini [km/s]: as fixed by the user, else found in the data."""
    velocity, vsini = liberty.fixed.get("radial_velocity"), liberty.fixed.get("vsini")
    if velocity is not None and vsini is not None:
        return velocity, vsini
    found = starting_point(
        pixels,
        star.lines,
        None if telluric is None else telluric.lines,
        resolving_power=resolving_power,
        wind_velocity=wind,
        continuum_degree=degree,
        guess=guess if velocity is None else velocity,
    )
    if found.gain < _CLEAR_VELOCITY:
        log.warn(
            "the lines of the stellar template are not seen: the starting velocity "
            f"{found.radial_velocity:.1f} km/s may be wrong; check the template, or give --rv-guess"
        )
    return (found.radial_velocity if velocity is None else velocity, found.vsini if vsini is None else vsini)


def _covered(
    pixels: list[Pixels], star: Clone, velocity: float, metadata: Metadata, log: _Log
) -> list[Pixels]:
    """Orders without the pixels that the template does not reach; hardly covered ones are left out."""
    cut = [without(p, uncovered(p, star, velocity)) for p in pixels]
    kept = []
    for p, inside in zip(pixels, cut, strict=True):
        lost = p.n_used - inside.n_used
        if inside.n_used < max(_FEWEST_PIXELS, 0.2 * p.used.numel()):
            continue
        if lost:
            log.warn(f"order {p.row}: {lost} pixels lie outside the stellar template and are left out")
        kept.append(inside)
    if not kept:
        raise InputError(
            f"order {pixels[0].row}: the stellar template covers too few pixels",
            path=metadata.path,
            value=f"{cut[0].n_used} of {pixels[0].used.numel()} pixels",
            expected=f"at least {_FEWEST_PIXELS} and 20 % of the order",
            fix="choose a template that covers the order at the star's velocity",
        )
    _name_left_out(pixels, kept, log)
    return kept


def _corrected(settings: Settings, asked: Asked, n_orders: int, metadata: Metadata, log: _Log) -> Settings:
    """The same settings with the correction of the wavelengths, which is announced."""
    air = settings.telluric is not None and len(settings.telluric.lines) > 0
    correction, said = choose_correction(asked, metadata, anchored=air, n_orders=n_orders)
    log.notes.extend(said)
    if asked is None and said:
        log.warn(said[0])
    return replace(settings, wavelength_correction=correction)


def _fingerprint(pixels: list[Pixels], star: Clone, telluric: Clone | None, options: tuple[Any, ...]) -> str:
    """A hash of everything that defines a fit, so that a checkpoint is not used for another."""
    digest = hashlib.sha256(repr(options).encode())
    for p in pixels:
        for array in (p.wavelength, p.flux.numpy(), p.sigma.numpy(), p.used.numpy()):
            digest.update(np.ascontiguousarray(array).tobytes())
    for clone in (star, telluric):
        if clone is not None:
            for name in ("centre", "strength", "sigma", "gamma"):
                digest.update(np.ascontiguousarray(getattr(clone.lines, name)).tobytes())
            for levels in clone.lines.floors().values():
                digest.update(levels.tobytes())
    return digest.hexdigest()
