"""A template source that needs no file: a synthetic late-K dwarf and atmosphere, made from a seed.

Both are for demonstrations and tests. They have the statistics of the real thing (line density, strengths,
widths, saturation, damping wings, molecular bands), not its lines; the atmosphere is more humid than a real
one between the bands of water.
"""

from __future__ import annotations

import numpy as np

from blase.constants import RADIATION_CONSTANT_2
from blase.containers.line_list import LineList
from blase.errors import InputError
from blase.templates.embedded_atmosphere import atmosphere_lines
from blase.templates.embedded_star import EFFECTIVE_TEMPERATURE, star_lines
from blase.templates.line_rendering import FloatArray, logarithmic_grid, render_optical_depth
from blase.templates.template import Template

DEFAULT_RANGE = (8600.0, 8700.0)
"""Wavelength range of an embedded template for which none is asked [vacuum Angstrom]."""

SAMPLING = 500_000.0
"""lambda / delta lambda of the samples of an embedded template."""

LIMITS = (6000.0, 25_000.0)
"""Wavelengths [vacuum Angstrom] between which the embedded line statistics make sense."""

_WING_MARGIN = 1200.0
_SOURCES = {"star": star_lines, "telluric": atmosphere_lines}
_RADIATION_CONSTANT_1 = 3.741771852e-5


def embedded_lines(kind: str, *, seed: int = 0, wavelength_range: tuple[float, float]) -> LineList:
    """Lines of the embedded 'star' or 'telluric' source with centres in [low, high) vacuum Angstrom.

    They depend on the seed and their own wavelength only: a line of one range is in all that hold it.
    Stellar centres are at rest, telluric ones in the observatory frame. Raises InputError on an unknown kind,
    a negative seed, and a range that is empty or outside 6000-25000 Angstrom.
    """
    _check(kind, seed, wavelength_range)
    return _SOURCES[kind](seed, *wavelength_range)


def embedded_template(
    kind: str, *, seed: int = 0, wavelength_range: tuple[float, float] | None = None
) -> Template:
    """The spectrum of `embedded_lines` at its native resolution: exp(-sum_j A_j V_j) times a continuum.

    Samples are uniform in ln(wavelength), lambda/delta lambda = 500,000; 8600-8700 A by default.
    Wings of lines outside the range are included; what is cut off is below 1e-6. The star's continuum is
    pi B_lambda(4500 K) in erg cm^-3 s^-1, that of the atmosphere is one. Raises InputError as
    `embedded_lines`.
    """
    low, high = DEFAULT_RANGE if wavelength_range is None else wavelength_range
    _check(kind, seed, (low, high))
    wavelength = logarithmic_grid(low, high, step=1.0 / SAMPLING)
    lines = _SOURCES[kind](seed, low - _WING_MARGIN, high + _WING_MARGIN)
    star = kind == "star"
    return Template(
        name=f"embedded:{kind}?seed={seed}",
        wavelength=wavelength,
        normalised=np.exp(-render_optical_depth(wavelength, lines)),
        continuum=_planck_flux(wavelength, EFFECTIVE_TEMPERATURE) if star else np.ones(len(wavelength)),
        flux_unit="erg / (s cm3)" if star else "",
        effective_temperature=EFFECTIVE_TEMPERATURE if star else None,
        notes=(_description(kind, seed),),
    )


def _description(kind: str, seed: int) -> str:
    what = {
        "star": "synthetic late-K dwarf, T = 4500 K; most lines invented",
        "telluric": "synthetic atmosphere, too humid between the water bands; most lines invented",
    }
    return f"{what[kind]} (seed {seed})"


def _planck_flux(wavelength: FloatArray, temperature: float) -> FloatArray:
    """Black-body flux pi B_lambda = c_1 / l^5 / (exp(c_2 / l T) - 1) [erg cm^-3 s^-1]; l in Angstrom."""
    exponent = RADIATION_CONSTANT_2 / (wavelength * temperature)
    return _RADIATION_CONSTANT_1 / (wavelength * 1e-8) ** 5 / np.expm1(exponent)


def _check(kind: str, seed: int, wavelength_range: tuple[float, float]) -> None:
    if kind not in _SOURCES:
        raise InputError(
            "there is no such embedded template",
            value=repr(kind),
            expected="'star' or 'telluric'",
            fix="use embedded:star or embedded:telluric, with ?seed=N for another one",
        )
    if seed < 0:
        raise InputError(
            "the seed is negative",
            value=seed,
            expected="a whole number from 0 up",
            fix="use embedded:star?seed=3, for instance",
        )
    low, high = wavelength_range
    if not LIMITS[0] <= low < high <= LIMITS[1]:
        raise InputError(
            f"the embedded {kind} does not cover this wavelength range",
            value=f"{low} to {high} Angstrom",
            expected=f"low < high within {LIMITS[0]:g}-{LIMITS[1]:g} vacuum Angstrom",
            fix="choose another --wavelength LO HI",
        )
