"""Clone a template: find its lines, fit all together, look for what is missing, say how well it went."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from blase.cloning.clone import Clone, Kind
from blase.cloning.continuum import continuum_of
from blase.cloning.first_lines import starting_widths
from blase.cloning.rounds import Search
from blase.cloning.summary import fit_summary, provenance
from blase.cloning.template_model import blur_of, samples_of
from blase.constants import SPEED_OF_LIGHT
from blase.containers.line_list import LineList
from blase.containers.metadata import require_resolving_power
from blase.errors import InputError
from blase.templates.read import read_template
from blase.templates.template import LineTemplate, Template

Progress = Callable[[dict[str, Any]], None]

DEFAULT_PROMINENCE = 2e-3
"""A line must stand out by this fraction of the continuum."""
DEFAULT_RESOLVING_POWER = 55_000.0


def clone_template(
    template: Template | LineTemplate | Any,
    *,
    kind: Kind = "stellar",
    wavelength_range: tuple[float, float] | None = None,
    prominence: float | None = None,
    instrument_resolving_power: float = DEFAULT_RESOLVING_POWER,
    progress: Progress | None = None,
) -> Clone:
    """Turn a template into a set of Voigt lines (Gully-Santiago & Morley 2022, ApJ 941, 200, section 2).

    Every minimum that stands out becomes a line; centre, strength, sigma and gamma are fitted at native
    resolution (or through the template's declared blur). Then, round after round, lines that have vanished or
    that have become one with another are removed, lines are added where absorption is left, and what changed
    is fitted again, until nothing is missing or the residual no longer falls; last, all lines are fitted once
    more. A line list needs no fit: its lines are the clone.

    Parameters
    ----------
    kind : whether the lines belong to the star or to the atmosphere; sets the starting widths of a blurred
        template.
    wavelength_range : part of the template to clone, vacuum Angstrom.
    prominence : depth by which a minimum must stand out, in units of the continuum; 0.002 by default.
    instrument_resolving_power : at which `residual_rms_instrument` is given.
    progress : called with `stage`, `iteration`, `total`, `residual_rms` (of the round before) and `message`.

    Raises
    ------
    InputError
        where the range misses the template, the prominence is not between 0 and 1, samples are not finite, or
        no line is found.
    """
    started = time.perf_counter()
    require_resolving_power(instrument_resolving_power)
    depth = DEFAULT_PROMINENCE if prominence is None else prominence
    if not 0 < depth < 1:
        raise InputError(
            "the prominence is out of range",
            value=prominence,
            expected="a number between 0 and 1",
            fix="pass --prominence 0.002 (prominence=...), for instance",
        )
    if not isinstance(template, Template | LineTemplate):
        template = read_template(template)
    if isinstance(template, LineTemplate):
        return _adopt(template, kind, wavelength_range, started)
    if wavelength_range is not None:
        template = template.crop(*wavelength_range)
    _require_finite(template)
    template = _without_lone_samples(template)
    widths = starting_widths(template, kind, depth)
    outcome = Search(template, kind, widths, depth, progress).run()
    lines = _with_species(outcome.lines, template)
    summary = fit_summary(template, outcome, kind, instrument_resolving_power)
    summary |= {"prominence": depth, "wall_seconds": time.perf_counter() - started}
    span = (float(template.wavelength[0]), float(template.wavelength[-1]))
    return Clone(kind, lines, span, summary, tuple(outcome.removed), continuum_of(template))


def _with_species(lines: LineList, template: Template) -> LineList:
    """The same lines with the gas that absorbs in each, where the template tells gases apart."""
    if template.absorbers is None:
        return lines
    width = (lines.sigma + lines.gamma) * lines.centre / SPEED_OF_LIGHT
    return replace(lines, species=template.absorbers.of_lines(lines.centre, width))


def _require_finite(template: Template) -> None:
    """Raise `InputError` unless every sample of `template` is a number."""
    wrong = np.flatnonzero(~(np.isfinite(template.wavelength) & np.isfinite(template.normalised)))
    if wrong.size:
        raise InputError(
            "the template has samples that are no numbers",
            path=template.path,
            value=f"{wrong.size} of {len(template)}, the first at {template.wavelength[wrong[0]]} A",
            expected="finite wavelengths and fluxes",
            fix="leave these samples out",
        )


def _without_lone_samples(template: Template) -> Template:
    """A blurred `template` without samples alone between two gaps, whose width nobody knows."""
    lone = [part.start for part in template.segments() if part.stop - part.start == 1]
    if blur_of(template) is None or not lone:
        return template
    kept = np.delete(np.arange(len(template)), lone)
    first = f"the first at {template.wavelength[lone[0]]:.2f} A"
    note = f"{len(lone)} samples alone between gaps are left out, {first}"
    return replace(samples_of(template, kept), notes=(*template.notes, note))


def _adopt(template: LineTemplate, kind: Kind, span: tuple[float, float] | None, started: float) -> Clone:
    """A line list is its own clone: there is no residual to report."""
    low, high = span or (float(template.lines.centre[0]), float(template.lines.centre[-1]))
    lines = template.lines.in_range(low, high)
    if not len(lines):
        raise InputError(
            "the line list has no line in the wavelength range",
            path=template.path,
            value=f"{low:.2f} to {high:.2f} A",
            expected=f"a range inside {template.lines.centre[0]:.2f} to {template.lines.centre[-1]:.2f} A",
            fix="choose another line list or range, and check the wavelength unit",
        )
    summary = provenance(template, kind, (low, high)) | {
        "residual_rms_native": None,
        "residual_rms_instrument": None,
        "instrument_resolving_power": None,
        "template_resolving_power": None,
        "n_lines": len(lines),
        "n_samples": 0,
        "converged": True,
        "stop_reason": "a line list is taken as it is",
        "rounds": [],
        "n_removed": {"vanished": 0, "duplicates": 0},
        "prominence": None,
        "wall_seconds": time.perf_counter() - started,
    }
    return Clone(kind, lines, (low, high), summary)
