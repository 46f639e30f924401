"""A simulated échelle order with a known truth, made without the operators that are used to fit it.

Lines are summed with scipy's Voigt profile, the stellar disk element by element, the line-spread function is
convolved directly and pixels are oversampled: slow and obvious at every step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from blase.constants import SPEED_OF_LIGHT
from blase.containers import EchelleSpectrum, LineList, from_arrays
from blase.errors import InputError
from blase.simulation.disk import log_doppler, stream_kernel, sum_disk
from blase.simulation.scatter import STELLAR, TELLURIC, LineScatter, TrueLines, scatter_lines
from blase.simulation.spectrograph import blur, blur_margin, integrate_pixels, pixel_centres
from blase.templates.line_rendering import render_optical_depth

FloatArray = NDArray[np.float64]

NOMINAL_RESOLVING_POWER = 55_000.0
"""Resolving power that a simulated instrument claims; the true one differs by 2 %."""

_GRID_STEP = 0.15
_CLAIMED_RELATIVE_ERROR = 0.03
_READOUT = 1e-3
_DEAD_PIXELS = 5


@dataclass(frozen=True, eq=False)
class Truth:
    """What is behind a simulated spectrum.

    Attributes
    ----------
    star_lines, telluric_lines : the true lines, in their rest and in the observatory frame.
    radial_velocity : of the star in the observatory frame [km/s], the frame of the wavelengths.
    vsini, wind_velocity, barycentric_velocity : [km/s].
    resolving_power : lambda / FWHM before pixel integration.
    limb_darkening : linear coefficient.
    telluric_factor : common factor on all telluric strengths.
    wavelength : (n_pixels,) vacuum Angstrom.
    flux : (n_pixels,) without noise, in counts.
    continuum : (n_pixels,) in counts.
    star, telluric : (n_pixels,) normalised, each blurred and pixel-integrated alone.
    macroturbulence : radial-tangential [km/s].
    """

    star_lines: TrueLines
    telluric_lines: TrueLines
    radial_velocity: float
    vsini: float
    wind_velocity: float
    barycentric_velocity: float
    resolving_power: float
    limb_darkening: float
    telluric_factor: float
    wavelength: FloatArray
    flux: FloatArray
    continuum: FloatArray
    star: FloatArray
    telluric: FloatArray
    macroturbulence: float = 0.0

    @property
    def radial_velocity_barycentric(self) -> float:
        """Radial velocity in the barycentric frame [km/s]: (1 + v_b/c) = (1 + v_o/c) (1 + BERV/c)."""
        beta, berv = self.radial_velocity / SPEED_OF_LIGHT, self.barycentric_velocity / SPEED_OF_LIGHT
        return SPEED_OF_LIGHT * ((1 + beta) * (1 + berv) - 1)


@dataclass(frozen=True, eq=False)
class Simulation:
    """An observation and the truth behind it."""

    spectrum: EchelleSpectrum
    truth: Truth


@dataclass(frozen=True)
class _Globals:
    """The numbers that belong to the whole spectrum; units as in `Truth`."""

    radial_velocity: float
    vsini: float
    resolving_power: float
    wind_velocity: float
    telluric_factor: float
    limb_darkening: float
    macroturbulence: float


def simulate_observation(
    star_lines: LineList,
    telluric_lines: LineList | None = None,
    *,
    seed: int = 0,
    wavelength_range: tuple[float, float],
    radial_velocity: float | None = None,
    vsini: float | None = None,
    resolving_power: float | None = None,
    wind_velocity: float | None = None,
    limb_darkening: float = 0.6,
    macroturbulence: float = 0.0,
    barycentric_velocity: float = 0.0,
    signal_to_noise: float = 200.0,
    n_pixels: int = 2048,
    line_scatter: LineScatter = STELLAR,
    telluric_scatter: LineScatter = TELLURIC,
    telluric_factor: float | None = None,
    continuum_level: float = 1.2e4,
    continuum_slope: float = 0.12,
    continuum_curvature: float = -0.05,
) -> Simulation:
    """Observe a star that differs from its template, through an atmosphere that differs from its own.

    Parameters
    ----------
    star_lines, telluric_lines : the templates. They should reach well beyond the pixels (50 A), for the
        lines that the radial velocity brings in and for wings.
    seed : of everything random; other seeds give other stars, other noise and other unstated velocities.
    wavelength_range : of the detector [vacuum Angstrom, observatory frame].
    radial_velocity : in the observatory frame [km/s]; None draws from -80 to 80.
    vsini : [km/s]; None draws from 2 to 12.
    resolving_power : lambda/FWHM before pixel integration; None draws 55,000 with 2 % scatter.
    wind_velocity : shift of all telluric lines [km/s]; None draws with a scatter of 0.05.
    limb_darkening : linear coefficient, 0 to 1.
    macroturbulence : radial-tangential, of a disc without limb darkening [km/s].
    barycentric_velocity : what the metadata says [km/s]; it does not move the spectrum.
    signal_to_noise : per pixel at the mean continuum; the variance follows the flux, with a floor of 0.1 %.
    line_scatter, telluric_scatter : errors of the two templates.
    telluric_factor : common factor on telluric strengths; None draws with a scatter of 0.1 dex.
    continuum_level, continuum_slope, continuum_curvature : level (1 + slope x + curvature x^2), |x| <= 1.

    Raises InputError on a parameter outside its physical range. Five dead pixels hold NaN.
    """
    low, high = wavelength_range
    drawn, star_rng, telluric_rng, noise_rng = (np.random.default_rng([_seed(seed), 3, i]) for i in range(4))
    settings = _draw_globals(
        drawn,
        radial_velocity=radial_velocity,
        vsini=vsini,
        resolving_power=resolving_power,
        wind_velocity=wind_velocity,
        telluric_factor=telluric_factor,
        limb_darkening=limb_darkening,
        macroturbulence=macroturbulence,
    )
    _check(
        settings, wavelength_range, n_pixels=n_pixels, signal_to_noise=signal_to_noise, level=continuum_level
    )
    air = telluric_lines if telluric_lines is not None else LineList.concatenated([])
    true_star = scatter_lines(star_lines, line_scatter, star_rng)
    true_air = scatter_lines(air, telluric_scatter, telluric_rng, strength_factor=settings.telluric_factor)
    wavelength = pixel_centres(low, high, n_pixels)
    both, star, telluric = _observe(true_star.present(), true_air.present(), wavelength, settings)
    x = np.linspace(-1.0, 1.0, n_pixels)
    continuum = continuum_level * (1 + continuum_slope * x + continuum_curvature * x**2)
    truth = Truth(
        true_star,
        true_air,
        settings.radial_velocity,
        settings.vsini,
        settings.wind_velocity,
        barycentric_velocity,
        settings.resolving_power,
        limb_darkening,
        settings.telluric_factor,
        wavelength,
        continuum * both,
        continuum,
        star,
        telluric,
        macroturbulence,
    )
    nominal = NOMINAL_RESOLVING_POWER if resolving_power is None else resolving_power
    return Simulation(expose(truth, noise_rng, signal_to_noise, nominal, seed), truth)


def _observe(
    star: LineList, air: LineList, wavelength: FloatArray, settings: _Globals
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Star through atmosphere, star alone, atmosphere alone on the pixels `wavelength`, each (n_pixels,)."""
    step = _GRID_STEP / SPEED_OF_LIGHT
    pixel = SPEED_OF_LIGHT * np.diff(wavelength).max() / wavelength[0]
    margin = (blur_margin(settings.resolving_power) + pixel) / SPEED_OF_LIGHT
    grid = np.arange(np.log(wavelength[0]) - margin, np.log(wavelength[-1]) + margin + step, step)
    shift = log_doppler(settings.radial_velocity)
    streams = stream_kernel(_GRID_STEP, settings.macroturbulence)
    spread = float(log_doppler(settings.vsini)) + (10 + len(streams)) * step
    rest_grid = np.arange(grid[0] - shift - spread, grid[-1] - shift + spread + step, step)
    absorbed = -np.expm1(-render_optical_depth(np.exp(rest_grid), star))
    rest = CubicSpline(rest_grid, 1 - np.convolve(absorbed, streams, mode="same"))
    stellar = sum_disk(
        rest,
        grid,
        radial_velocity=settings.radial_velocity,
        vsini=settings.vsini,
        limb_darkening=settings.limb_darkening,
    )
    transmission = np.exp(-render_optical_depth(np.exp(grid - log_doppler(settings.wind_velocity)), air))

    def detect(light: FloatArray) -> FloatArray:
        blurred = blur(light, step=_GRID_STEP, resolving_power=settings.resolving_power)
        return integrate_pixels(wavelength, grid, blurred)

    return detect(stellar * transmission), detect(stellar), detect(transmission)


def expose(
    truth: Truth, rng: np.random.Generator, signal_to_noise: float, nominal: float, seed: int
) -> EchelleSpectrum:
    """Add photon noise, a readout floor and dead pixels."""
    level = truth.continuum.mean()
    relative_variance = (truth.flux / level + _READOUT) / (1 + _READOUT)
    uncertainty = level / signal_to_noise * np.sqrt(relative_variance)
    flux = truth.flux + uncertainty * rng.standard_normal(len(truth.flux))
    flux[rng.choice(len(flux), size=_DEAD_PIXELS, replace=False)] = np.nan
    return from_arrays(
        truth.wavelength,
        flux,
        uncertainty,
        wavelength_unit="Angstrom",
        medium="vacuum",
        frame="observatory",
        history=(f"simulated with seed {seed}",),
        flux_unit="ct",
        target=f"simulated star {seed}",
        instrument="simulation",
        barycentric_velocity=truth.barycentric_velocity,
        resolving_power=nominal,
        resolving_power_error=_CLAIMED_RELATIVE_ERROR * nominal,
        resolving_power_source="nominal value of the simulated instrument, before pixel integration",
    )


def _draw_globals(
    rng: np.random.Generator, *, limb_darkening: float, macroturbulence: float, **given: float | None
) -> _Globals:
    """Fill what is None; every number is drawn, so that stating one does not change the others."""
    drawn = {
        "radial_velocity": rng.uniform(-80.0, 80.0),
        "vsini": rng.uniform(2.0, 12.0),
        "resolving_power": NOMINAL_RESOLVING_POWER * (1 + 0.02 * rng.standard_normal()),
        "wind_velocity": 0.05 * rng.standard_normal(),
        "telluric_factor": 10 ** (0.1 * rng.standard_normal()),
    }
    stated = {name: float(value) for name, value in given.items() if value is not None}
    return _Globals(**{**drawn, **stated}, limb_darkening=limb_darkening, macroturbulence=macroturbulence)


def _seed(seed: int) -> int:
    if seed < 0:
        raise InputError("the seed is negative", value=seed, expected="a whole number from 0 up")
    return seed


def _check(
    settings: _Globals,
    wavelength_range: tuple[float, float],
    *,
    n_pixels: int,
    signal_to_noise: float,
    level: float,
) -> None:
    """Raise InputError on the first parameter of a simulation that makes no physical sense."""
    low, high = wavelength_range
    velocity, power = settings.radial_velocity, settings.resolving_power
    rules = (
        ("wavelength_range", wavelength_range, 0 < low < high, "0 < low < high [vacuum Angstrom]"),
        ("vsini", settings.vsini, 0 <= settings.vsini < 1000, "0 to 1000 km/s"),
        ("radial_velocity", velocity, abs(velocity) < 3000, "within 3000 km/s"),
        ("resolving_power", power, 1e3 <= power <= 5e5, "1000 to 500,000"),
        ("limb_darkening", settings.limb_darkening, 0 <= settings.limb_darkening <= 1, "0 to 1"),
        ("macroturbulence", settings.macroturbulence, 0 <= settings.macroturbulence < 100, "0 to 100 km/s"),
        ("telluric_factor", settings.telluric_factor, settings.telluric_factor > 0, "a positive number"),
        ("n_pixels", n_pixels, n_pixels >= 50, "50 or more"),
        ("signal_to_noise", signal_to_noise, signal_to_noise > 0, "a positive number"),
        ("continuum_level", level, level > 0, "a positive number of counts"),
    )
    for name, value, holds, expected in rules:
        if not holds:
            raise InputError(f"a simulation cannot have this {name}", value=value, expected=expected)
