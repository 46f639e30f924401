"""The velocities that a fit begins with, and whether they can be trusted."""

from __future__ import annotations

from blase.cloning import Clone
from blase.pipeline.log import FitLog
from blase.pipeline.options import Freedom
from blase.pipeline.prepare import Pixels
from blase.pipeline.start import starting_point

_CLEAR_VELOCITY = 0.02
"""Decrease of chi-square per pixel by the star's lines below which the starting velocity is doubtful."""


def first_velocity(
    pixels: list[Pixels],
    star: Clone,
    telluric: Clone | None,
    resolving_power: float,
    wind: float,
    degree: int,
    guess: float | None,
    liberty: Freedom,
    log: FitLog,
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
