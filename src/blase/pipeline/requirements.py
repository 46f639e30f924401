"""What must be known, and be possible, before a fit begins."""

from __future__ import annotations

from blase.constants import SPEED_OF_LIGHT
from blase.containers import EchelleSpectrum
from blase.containers.metadata import Metadata, resolving_power_of
from blase.errors import InputError
from blase.functional.doppler import velocity_from_factor
from blase.pipeline.options import LINE_CLASSES, Freedom

_HIGHEST_DEGREE, _PIXELS_PER_DEGREE = 50, 10


def require_degree(degree: int, spectrum: EchelleSpectrum) -> None:
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


def require_something_free(liberty: Freedom, *, with_air: bool, power_is_free: bool) -> None:
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


def known_resolving_power(
    given: float | tuple[float, float] | None, metadata: Metadata, liberty: Freedom
) -> tuple[float, float]:
    """Resolving power and its error: given, held fixed, or known of the instrument."""
    held = liberty.fixed.get("resolving_power")
    return resolving_power_of(metadata, given if held is None else (held, 0.0))


def wind_velocity(metadata: Metadata, liberty: Freedom) -> float:
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
