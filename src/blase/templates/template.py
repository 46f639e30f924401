"""A template: a precomputed spectrum, or a list of lines, that stands for the star or the atmosphere."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blase.containers.line_list import LineList
from blase.errors import InputError
from blase.templates.absorbers import Absorbers
from blase.templates.segments import find_segments

_MAX_SPANS = 6  # pieces that `describe` names one by one


@dataclass(frozen=True)
class Template:
    """A spectrum at its native sampling.

    Attributes
    ----------
    name : what it is, for messages.
    wavelength : (n,) vacuum Angstrom, strictly increasing; there may be gaps.
    normalised : (n,) flux over continuum; clipped nowhere, so it may exceed 1 by a little.
    continuum : (n,) in `flux_unit`; ones where the continuum is not known.
    flux_unit : unit of `continuum`, as the file states it ("" where it does not).
    resolving_power : lambda/FWHM that the template has been blurred to; None for native.
    resolving_power_error : its standard error, if known.
    fit_resolving_power : True where the blur is to be found by the fit.
    effective_temperature : [K], if known.
    path, sha256 : the file it came from and its hash, if any.
    notes : what was done to it, one sentence each.
    absorbers : optical depths of single gases, where the file has them, at wavelengths of their own.
    """

    name: str
    wavelength: NDArray[np.float64]
    normalised: NDArray[np.float64]
    continuum: NDArray[np.float64]
    flux_unit: str = ""
    resolving_power: float | None = None
    resolving_power_error: float | None = None
    fit_resolving_power: bool = False
    effective_temperature: float | None = None
    path: str | None = None
    sha256: str | None = None
    notes: tuple[str, ...] = ()
    absorbers: Absorbers | None = None

    def __post_init__(self) -> None:
        n = len(self.wavelength)
        if n < 2 or len(self.normalised) != n or len(self.continuum) != n:
            raise InputError(
                "wavelength, normalised and continuum of a template differ in length or are too short",
                path=self.path,
                value=f"{n}, {len(self.normalised)} and {len(self.continuum)} samples",
                expected="three arrays of one length, at least 2",
                fix="choose another template",
            )

    def __len__(self) -> int:
        return len(self.wavelength)

    def segments(self) -> list[slice]:
        """Slices between gaps (a spacing above 10 local median spacings); they cover every sample."""
        return find_segments(self.wavelength)

    def crop(self, low: float, high: float) -> Template:
        """The samples with low <= wavelength <= high [vacuum Angstrom]; copied, to free the rest.

        Raises `InputError` where fewer than two samples are left.
        """
        part = overlap(self.wavelength, low, high, path=self.path)
        return replace(
            self,
            wavelength=self.wavelength[part].copy(),
            normalised=self.normalised[part].copy(),
            continuum=self.continuum[part].copy(),
        )


@dataclass(frozen=True)
class LineTemplate:
    """A list of lines used as a template: there is no spectrum to clone, the lines are the clone.

    Attributes
    ----------
    name, path, sha256, notes, effective_temperature : as in `Template`.
    lines : centre, strength, sigma and gamma of every line.
    """

    name: str
    lines: LineList
    effective_temperature: float | None = None
    path: str | None = None
    sha256: str | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.lines)


def overlap(
    wavelength: NDArray[np.float64], low: float, high: float, *, path: str | Path | None = None
) -> slice:
    """Slice of the increasing `wavelength` (n,) inside [low, high]; `InputError` where under 2 are."""
    if not low < high:
        raise InputError(
            "the wavelength range is empty",
            value=f"{low} to {high}",
            expected="low < high",
            fix="pass --wavelength LO HI with LO below HI",
        )
    start, stop = np.searchsorted(wavelength, [low, high], side="left")
    stop += int(stop < len(wavelength) and wavelength[stop] == high)
    if stop - start < 2:
        raise InputError(
            "the template does not cover the wavelength range",
            path=path,
            value=f"{low:.2f} to {high:.2f} Angstrom (vacuum)",
            expected=f"a range inside {wavelength[0]:.2f} to {wavelength[-1]:.2f} Angstrom, where it is",
            fix="choose another template or range, and check the wavelength unit",
        )
    return slice(int(start), int(stop))


def describe(template: Template | LineTemplate) -> list[str]:
    """Lines of text for a person: what the template is, what it covers and what was done to it."""
    lines = [template.name if template.path is None else f"{template.name} ({template.path})"]
    if template.effective_temperature is not None:
        lines.append(f"effective temperature {template.effective_temperature:g} K")
    facts = _spectrum_facts(template) if isinstance(template, Template) else _line_facts(template)
    return [*lines, *facts, *template.notes]


def _spectrum_facts(template: Template) -> list[str]:
    segments = template.segments()
    spans = [f"{template.wavelength[s][0]:.2f}-{template.wavelength[s][-1]:.2f}" for s in segments]
    if len(spans) > _MAX_SPANS:
        spans = [f"{template.wavelength[0]:.2f}-{template.wavelength[-1]:.2f} ({len(segments)} pieces)"]
    facts = [f"{len(template):,} samples in {', '.join(spans)} Angstrom (vacuum)"]
    if template.fit_resolving_power:
        return [*facts, "resolving power: found by the fit"]
    if template.resolving_power is None:
        return [*facts, "resolving power: native (not blurred)"]
    error = template.resolving_power_error
    return [*facts, f"resolving power {template.resolving_power:g}" + (f" +- {error:g}" if error else "")]


def _line_facts(template: LineTemplate) -> list[str]:
    centre = template.lines.centre
    return [f"{len(centre):,} lines in {centre[0]:.2f}-{centre[-1]:.2f} Angstrom (vacuum)"]
