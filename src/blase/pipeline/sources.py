"""The clone that a fit begins with: given, read, or made of a template over the range of the data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from blase.cloning import Clone, clone_template, is_clone
from blase.cloning.clone import Kind
from blase.constants import SPEED_OF_LIGHT
from blase.errors import InputError
from blase.pipeline.log import FitLog
from blase.pipeline.prepare import Pixels
from blase.templates import read_template
from blase.templates.template import LineTemplate, Template

Source = Clone | Template | LineTemplate | str | Path | Any
"""A clone, a template, their files, or what `read_template` takes: arrays, or an object of specutils or
gollum."""
WING_REACH = 1200.0
"""How far beyond the data a template is cloned [km/s], for the wings of strong lines out there."""


def as_clone(
    source: Source, kind: Kind, pixels: list[Pixels], reach: float, resolving_power: float, log: FitLog
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
    if not isinstance(source, Template | LineTemplate):
        source = read_template(source, wavelength_range=span)
    template: Template | LineTemplate = source
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
