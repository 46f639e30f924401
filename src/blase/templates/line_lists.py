"""A list of lines as a template: from central depths, or from oscillator strengths and a temperature.

Broadening: sigma = sqrt(k T / m + xi^2 / 2), xi the microturbulence (a Doppler b^2 = 2 k T / m + xi^2), and
gamma = lambda Gamma / 4 pi as a velocity, Gamma [rad/s] the full damping width

    Gamma = Gamma_rad + n_e Gamma_4 (T / 10^4 K)^(1/6) + n_H Gamma_6 (T / 10^4 K)^0.3,

(the scalings of Gray 2008, The Observation and Analysis of Stellar Photospheres, ch. 11), with n_H = 1e17 and
n_e = 1e13 cm^-3 of a solar-like photosphere where lines form; van der Waals values above 20 are cross
sections and velocity exponents of Barklem, Anstee & O'Mara (1998, PASA 15, 336, doi:10.1071/AS98336).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import gamma as gamma_function
from scipy.special import voigt_profile

from blase.constants import BOLTZMANN_EV, BOLTZMANN_OVER_AMU, SPEED_OF_LIGHT
from blase.containers.line_list import LineList
from blase.containers.units import to_vacuum_angstrom
from blase.errors import InputError
from blase.templates.elements import abundance_of, mass_of
from blase.templates.line_formats import RawLines
from blase.templates.raw import VACUUM_ASSUMED
from blase.templates.template import LineTemplate

Array = NDArray[np.float64]

MICROTURBULENCE = 1.5
"""Default xi [km/s]."""
DEFAULT_GAMMA = 0.3
"""Lorentzian half width of a line without damping constants [km/s]."""
SOLAR_TEMPERATURE = 5772.0
"""Of the widths, where no effective temperature is given [K]."""

_HYDROGEN_DENSITY, _ELECTRON_DENSITY = 1e17, 1e13  # [cm^-3]
_DEEPEST = 0.99  # central depth of anything deeper
_SATURATED_DEPTH = 0.95  # 1 - r_c of the saturation curve
_REFERENCE_DEPTH, _REFERENCE_PERCENTILE = 0.8, 99.0
_SHALLOWEST = 1e-4  # central depth of a line that is kept
_DEFAULT_MASS = 55.845  # iron [amu], where the species is not known
_ABO = 20.0
_BOHR_RADIUS_SQUARED = 2.800285e-17  # [cm^2]
_KM_PER_ANGSTROM = 1e-13


def build_line_template(
    raw: RawLines,
    *,
    name: str,
    effective_temperature: float | None = None,
    medium: str | None = None,
    wavelength_unit: str | None = None,
    wavelength_range: tuple[float, float] | None = None,
    microturbulence: float = MICROTURBULENCE,
    path: str | Path | None = None,
    sha256: str | None = None,
) -> LineTemplate:
    """Lines with strength, sigma and gamma from a list as read.

    Raises
    ------
    InputError : without a unit of wavelength, without an effective temperature where there are no depths, or
        where no line is left in the range.
    """
    stated = medium or raw.medium or "vacuum"
    centre = to_vacuum_angstrom(raw.wavelength, wavelength_unit or raw.unit, medium=stated, path=path)
    temperature = SOLAR_TEMPERATURE if effective_temperature is None else effective_temperature
    _check_temperature(temperature, path)
    sigma = _gaussian(raw, temperature, microturbulence)
    gamma, n_default = _lorentzian(raw, centre, temperature)
    if raw.depth is not None:
        depth, strength_notes = raw.depth, _depth_notes(raw.depth)
    else:
        _require_temperature(effective_temperature, raw.form, path)
        depth, strength_notes = _scaled_depth(raw, centre, temperature)
    kept = np.isfinite(centre) & (depth >= (_SHALLOWEST if raw.depth is None else 1e-12))
    lines = _lines(raw, centre, depth, sigma, gamma, kept)
    notes = [
        f"{raw.form} of {len(centre):,} lines, wavelengths in {stated}"
        + (" (converted to vacuum)" if stated == "air" else ""),
        *([] if medium or raw.medium else [VACUUM_ASSUMED]),
        *strength_notes,
        f"{(~kept).sum():,} lines too weak or without a wavelength were left out",
        *_width_notes(temperature, effective_temperature is None, microturbulence, n_default),
    ]
    return LineTemplate(
        name=name,
        lines=lines_in_range(lines, wavelength_range, path),
        effective_temperature=effective_temperature,
        path=None if path is None else str(path),
        sha256=sha256,
        notes=tuple(notes),
    )


def strength_of_depth(depth: Array, *, sigma: Array, gamma: Array) -> Array:
    """A = tau_0 / V(0) [unit of sigma], tau_0 = -ln(1 - depth): exp(-A V) has this depth. Shapes (n,).

    `sigma` (standard deviation) and `gamma` (HWHM) in Angstrom; V is the area-normalised Voigt profile.
    """
    return -np.log1p(-depth) / voigt_profile(0.0, sigma, gamma)


def _lines(
    raw: RawLines, centre: Array, depth: Array, sigma: Array, gamma: Array, kept: NDArray[np.bool_]
) -> LineList:
    angstrom = centre / SPEED_OF_LIGHT
    strength = strength_of_depth(
        np.clip(depth, 1e-12, _DEEPEST), sigma=sigma * angstrom, gamma=gamma * angstrom
    )
    return LineList(
        centre=centre[kept],
        strength=strength[kept],
        sigma=sigma[kept],
        gamma=gamma[kept],
        species=None if raw.species is None else raw.species[kept],
        lower_energy=None if raw.lower_energy is None else raw.lower_energy[kept],
    )


def lines_in_range(lines: LineList, limits: tuple[float, float] | None, path: str | Path | None) -> LineList:
    """The lines inside `limits` [vacuum Angstrom]; `InputError` where there are none."""
    inside = lines if limits is None else lines.in_range(*limits)
    if len(inside) == 0:
        covered = (
            f"{lines.centre[0]:.2f} to {lines.centre[-1]:.2f} Angstrom (vacuum)" if len(lines) else "nothing"
        )
        raise InputError(
            "the line list has no line in the wavelength range",
            path=path,
            value="the whole list" if limits is None else f"{limits[0]:.2f} to {limits[1]:.2f} Angstrom",
            expected=f"a range that overlaps {covered}, where its lines are",
            fix="choose another line list or range, and check the wavelength unit",
        )
    return inside


def _scaled_depth(raw: RawLines, centre: Array, temperature: float) -> tuple[Array, list[str]]:
    """Central depths (n,) on a saturation curve, from gf, abundance and Boltzmann factor."""
    assert raw.log_gf is not None and raw.lower_energy is not None
    abundance = 0.0 if raw.species is None else _by_species(raw.species, abundance_of)
    log_tau = raw.log_gf + abundance + np.log10(centre)
    log_tau = log_tau - raw.lower_energy / (BOLTZMANN_EV * temperature * np.log(10))
    reference = np.nanpercentile(log_tau, _REFERENCE_PERCENTILE)
    reference_tau = 1 / (1 / _REFERENCE_DEPTH - 1 / _SATURATED_DEPTH)
    log_tau = np.nan_to_num(log_tau - reference + np.log10(reference_tau), nan=-300.0)
    tau = 10.0 ** np.clip(log_tau, -300, 300)
    note = (
        f"no depths in the list: relative strength gf lambda exp(-chi / k T) at {temperature:.0f} K times "
        "the solar abundance (of the rarest atom for molecules; ionisation and molecular balance are not "
        f"solved), placed on depth = 1 / (1 / {_SATURATED_DEPTH} + 1 / tau) so that the "
        f"{_REFERENCE_PERCENTILE:.0f}th percentile line has depth {_REFERENCE_DEPTH}: "
        "starting values, not predictions"
    )
    return 1 / (1 / _SATURATED_DEPTH + 1 / tau), [note]


def _gaussian(raw: RawLines, temperature: float, microturbulence: float) -> Array:
    """sigma (n,) [km/s], thermal and microturbulent."""
    mass = np.full(len(raw.wavelength), _DEFAULT_MASS)
    if raw.species is not None:
        mass = _by_species(raw.species, mass_of)
    return np.sqrt(BOLTZMANN_OVER_AMU * temperature / mass + microturbulence**2 / 2)


def _lorentzian(raw: RawLines, centre: Array, temperature: float) -> tuple[Array, int]:
    """gamma (n,) [km/s] and the number of lines that got the default."""
    width = _rate(raw.rad, len(centre), below=12.0)
    width += _ELECTRON_DENSITY * (temperature / 1e4) ** (1 / 6) * _rate(raw.stark, len(centre), below=0.0)
    width += _HYDROGEN_DENSITY * _van_der_waals(raw, temperature)
    missing = width == 0
    gamma = centre * _KM_PER_ANGSTROM * width / (4 * np.pi)
    return np.where(missing, DEFAULT_GAMMA, gamma), int(missing.sum())


def _rate(log_rate: Array | None, n: int, *, below: float) -> Array:
    """10**log_rate (n,); 0 where it is absent, written as 0, or not `below` what such a rate can be."""
    if log_rate is None:
        return np.zeros(n)
    given = np.isfinite(log_rate) & (log_rate != 0) & (log_rate < below)
    return np.where(given, 10.0 ** np.where(given, log_rate, 0.0), 0.0)


def _van_der_waals(raw: RawLines, temperature: float) -> Array:
    """Full width per hydrogen atom [rad s^-1 cm^3], (n,)."""
    n = len(raw.wavelength)
    if raw.waals is None:
        return np.zeros(n)
    width = (temperature / 1e4) ** 0.3 * _rate(raw.waals, n, below=0.0)
    packed = np.isfinite(raw.waals) & (raw.waals > _ABO)
    if packed.any():
        mass = np.full(n, _DEFAULT_MASS) if raw.species is None else _by_species(raw.species, mass_of)
        width[packed] = _abo_width(raw.waals[packed], mass[packed], temperature)
    return width


def _abo_width(packed: Array, mass: Array, temperature: float) -> Array:
    """2 (4/pi)^(alpha/2) Gamma(2 - alpha/2) v0 sigma (v/v0)^(1-alpha) [rad s^-1 cm^3], v0 = 10 km/s.

    `packed` is sigma [Bohr radii squared] before the point and alpha after it; `mass` [amu] of the absorber.
    """
    cross_section, alpha = np.floor(packed) * _BOHR_RADIUS_SQUARED, packed % 1
    speed = np.sqrt(8 * BOLTZMANN_OVER_AMU * temperature / np.pi * (1 / mass + 1 / 1.008))
    factor = (4 / np.pi) ** (alpha / 2) * gamma_function(2 - alpha / 2)
    return 2 * factor * 1e6 * cross_section * (speed / 10.0) ** (1 - alpha)


def _by_species(species: NDArray[np.str_], quantity: Callable[[str], float]) -> Array:
    """`quantity` of every line's species, (n,); each species is looked up once."""
    names, inverse = np.unique(species, return_inverse=True)
    return np.array([quantity(str(name)) for name in names])[inverse]


def _depth_notes(depth: Array) -> list[str]:
    deepest = int((depth >= _DEEPEST).sum())
    notes = ["strength from the central depths of the list: A = -ln(1 - depth) / V(0)"]
    return [*notes, f"{deepest:,} depths of {_DEEPEST} or more were set to {_DEEPEST}"] if deepest else notes


def _width_notes(temperature: float, assumed: bool, microturbulence: float, n_default: int) -> list[str]:
    how = "assumed" if assumed else "given"
    return [
        f"sigma: thermal at {temperature:.0f} K ({how}) and microturbulence of {microturbulence:g} km/s",
        f"gamma: from damping constants at n_H = {_HYDROGEN_DENSITY:g} and n_e = {_ELECTRON_DENSITY:g} "
        f"cm^-3; {DEFAULT_GAMMA} km/s for {n_default:,} lines without any",
    ]


def _require_temperature(effective_temperature: float | None, form: str, path: str | Path | None) -> None:
    if effective_temperature is None:
        raise InputError(
            f"this {form} has no line depths: log gf needs a temperature to become a strength",
            path=path,
            expected="the effective temperature of the star [K]",
            fix="pass --teff",
            value="no effective temperature",
        )


def _check_temperature(temperature: float, path: str | Path | None) -> None:
    if not (np.isfinite(temperature) and temperature > 0):
        raise InputError(
            "the effective temperature must be positive",
            path=path,
            value=temperature,
            fix="pass --teff",
            expected="a temperature above zero [K]",
        )
