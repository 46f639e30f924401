"""What is known about a spectrum besides its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

import numpy as np
from astropy.time import Time

from blase.constants import SPEED_OF_LIGHT
from blase.containers.observation import Site, SkyPosition
from blase.containers.units import Medium, require_medium
from blase.errors import InputError

LOWEST_RESOLVING_POWER, HIGHEST_RESOLVING_POWER = 500.0, 1e6
DEFAULT_RESOLVING_POWER_ERROR = 0.03
"""Relative error of a resolving power of which none is stated."""
"""Resolving powers of the spectrographs that blasé is for."""
Frame = Literal["observatory", "barycentric", "rest", "unknown"]


def require_frame(frame: str, *, path: str | Path | None = None) -> Frame:
    """`frame` itself if it is a known one; InputError otherwise."""
    if frame in get_args(Frame):
        return cast(Frame, frame)
    raise InputError(
        "the frame of the wavelengths is not known",
        path=path,
        value=repr(frame),
        expected=", ".join(get_args(Frame)),
        fix="pass --frame observatory, barycentric or rest",
    )


def require_resolving_power(
    value: float,
    *,
    path: str | Path | None = None,
    flag: str = "--resolving-power R[:ERR] (resolving_power=...)",
) -> float:
    """`value` itself if it is the resolving power of a spectrograph, 500 to 1e6; InputError otherwise."""
    if LOWEST_RESOLVING_POWER <= value <= HIGHEST_RESOLVING_POWER:
        return float(value)
    raise InputError(
        "the resolving power is out of range",
        path=path,
        value=value,
        expected=f"lambda/FWHM from {LOWEST_RESOLVING_POWER:g} to {HIGHEST_RESOLVING_POWER:g}, e.g. 55000",
        fix=f"pass {flag}",
    )


@dataclass(frozen=True, eq=False)
class Metadata:
    """What is known about a spectrum besides its pixels.

    Parameters
    ----------
    position : where the telescope pointed, or the star of a catalogue.
    site : where the telescope stands.
    time : middle of the exposure, UTC.
    medium_as_read : the medium of the wavelengths in the file; inside they are vacuum.
    frame : the frame of the wavelengths.
    barycentric_velocity : BERV [km/s]; (1 + v_bary/c) = (1 + v_obs/c)(1 + BERV/c). For wavelengths already in
        the barycentric frame it is the velocity that was applied.
    resolving_power, resolving_power_error, resolving_power_source : lambda / FWHM, its error and where it is
        from.
    history : what was done to the data, one sentence each.
    notes : what the user should know of the data, one sentence each.
    """

    target: str | None = None
    position: SkyPosition | None = None
    site: Site | None = None
    time: Time | None = None
    instrument: str | None = None
    medium_as_read: Medium = "vacuum"
    frame: Frame = "unknown"
    barycentric_velocity: float | None = None
    resolving_power: float | None = None
    resolving_power_error: float | None = None
    resolving_power_source: str | None = None
    flux_unit: str = ""
    path: str | None = None
    sha256: str | None = None
    history: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require_medium(self.medium_as_read, path=self.path)
        require_frame(self.frame, path=self.path)
        object.__setattr__(self, "history", tuple(self.history))
        object.__setattr__(self, "notes", tuple(self.notes))
        self._check_numbers()

    @property
    def line_spread_fwhm(self) -> float | None:
        """Full width at half maximum of the line-spread function [km/s], c / R."""
        return None if self.resolving_power is None else SPEED_OF_LIGHT / self.resolving_power

    def _check_numbers(self) -> None:
        berv = self.barycentric_velocity
        if berv is not None and not abs(berv) < 100.0:
            raise InputError(
                "the barycentric velocity is not that of a telescope on Earth",
                path=self.path,
                value=f"{berv} km/s",
                expected="|BERV| below 100 km/s (it is in km/s, not m/s)",
                fix="pass --berv in km/s",
            )
        if self.resolving_power is not None:
            require_resolving_power(self.resolving_power, path=self.path)
        error = self.resolving_power_error
        if error is not None and not (np.isfinite(error) and error > 0):
            raise InputError(
                "the error of the resolving power is not a positive number",
                path=self.path,
                value=str(error),
                expected="a standard deviation of lambda / FWHM, e.g. 1500",
                fix="pass --resolving-power R[:ERR]",
            )


def resolving_power_of(metadata: Metadata, given: float | tuple[float, float] | None) -> tuple[float, float]:
    """Resolving power and its error: as `given`, alone or with an error, else as known of the instrument.

    Raises `InputError` where neither is known, or one is out of range.
    """
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
