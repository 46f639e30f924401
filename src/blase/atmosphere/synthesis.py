"""A telluric spectrum in one call: from line lists, a profile and the weather to transmission by molecule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from blase.atmosphere.conditions import Conditions
from blase.atmosphere.continuum import WaterContinuum, read_continuum
from blase.atmosphere.layers import N_LAYERS, Air, Layering
from blase.atmosphere.line_sources import find_lines
from blase.atmosphere.pedestal import CUT
from blase.atmosphere.profile import Profile
from blase.atmosphere.profile_files import read_profile
from blase.atmosphere.standard import standard_profile
from blase.atmosphere.transmission import LayeredTransmission
from blase.constants import SPEED_OF_LIGHT
from blase.errors import InputError
from blase.functional.grid import log_grid

FloatArray = NDArray[np.float64]

DEFAULT_STEP = 0.2
"""Spacing of samples [km/s]; the narrowest telluric lines have a standard deviation of about 0.25 km/s."""
_MOST_SAMPLES = 6_000_000


@dataclass(frozen=True, eq=False)
class TelluricSpectrum:
    """Transmission at `wavelength` (n,) [vacuum Angstrom], in all and by absorber, and how it was made.

    `air` is the state of the atmosphere, `humidity` the relative humidity at the telescope [per cent],
    `wings` a sentence on how far lines reach; `notes` say what was read and left out.
    """

    wavelength: FloatArray
    transmission: FloatArray
    by_molecule: dict[str, FloatArray]
    n_lines: dict[str, int]
    conditions: Conditions
    air: Air
    humidity: float
    profile: str
    wings: str
    notes: tuple[str, ...]


def synthesise(
    conditions: Conditions,
    wavelength_range: tuple[float, float],
    *,
    line_lists: Sequence[str | Path] | None = None,
    profile: str | Path | Profile | None = None,
    continuum: str | Path | WaterContinuum | None = None,
    step: float = DEFAULT_STEP,
    n_layers: int = N_LAYERS,
) -> TelluricSpectrum:
    """Transmission of the atmosphere, unblurred, on a grid uniform in ln(wavelength).

    Parameters
    ----------
    conditions : site, weather and airmass.
    wavelength_range : vacuum Angstrom.
    line_lists : files of HITRAN records, or folders of them; None for `default_line_folder()`, and where that
        is missing for the strongest lines of oxygen and water, computed.
    profile : a file or a profile; None for the U.S. standard atmosphere.
    continuum : a file or a table of the water continuum. With it water lines end 25 cm^-1 from their centres
        and lose their pedestal, without it their wings are whole.
    step : spacing of the samples [km/s].

    Raises
    ------
    InputError : on files that are not what they should be, and on conditions that are not possible.
    """
    _check_size(wavelength_range, step)
    wavelength = log_grid(*wavelength_range, step=step)
    wavelength = wavelength[wavelength <= wavelength_range[1] * (1 + step / SPEED_OF_LIGHT)]
    layering = Layering(choose_profile(profile), altitude=conditions.altitude, n_layers=n_layers)
    air = layering.air(conditions)
    files = find_lines(line_lists, wavelength_range=wavelength_range)
    water = read_continuum(continuum) if isinstance(continuum, str | Path) else continuum
    model = LayeredTransmission(wavelength, lines=files.lines, layering=layering, air=air, continuum=water)
    with torch.no_grad():
        depths = model.optical_depth(air)
        total = torch.exp(-sum(depths.values(), torch.zeros_like(wavelength)))
        humidity = float(layering.relative_humidity(air))
    missing = [name for name in layering.molecules if name not in model.molecules]
    return TelluricSpectrum(
        wavelength=wavelength.numpy(),
        transmission=total.numpy(),
        by_molecule={name: torch.exp(-depth).numpy() for name, depth in depths.items()},
        n_lines=model.n_lines,
        conditions=conditions,
        air=air,
        humidity=humidity,
        profile=_profile_name(profile),
        wings=_wings(water),
        notes=(*files.notes, *([f"no lines here: {', '.join(missing)}"] if missing else [])),
    )


def _check_size(limits: tuple[float, float], step: float) -> None:
    low, high = limits
    if not (0 < low < high and step > 0 and np.log(high / low) * SPEED_OF_LIGHT / step < _MOST_SAMPLES):
        raise InputError(
            "the wavelength range holds no or too many samples",
            value=f"{low:g} to {high:g} Angstrom every {step:g} km/s",
            expected=f"LO below HI, a positive step, at most {_MOST_SAMPLES:,} samples",
            fix="narrow --wavelength LO HI or widen --step",
        )


def choose_profile(profile: str | Path | Profile | None) -> Profile:
    """The profile in a file, the one given, or the standard atmosphere."""
    if profile is None:
        return standard_profile()
    return profile if isinstance(profile, Profile) else read_profile(profile)


def _profile_name(profile: str | Path | Profile | None) -> str:
    return (
        choose_profile(profile).name
        if profile is None or isinstance(profile, Profile)
        else Path(profile).name
    )


def _wings(continuum: WaterContinuum | None) -> str:
    if continuum is None:
        return "no continuum; wings of all lines to tolerance"
    return f"water continuum; water lines cut at {CUT:g} cm-1, pedestal removed"
