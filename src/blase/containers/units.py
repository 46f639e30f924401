"""Wavelength units at the border: whatever the file holds becomes vacuum Angstrom, and nothing is guessed.

Wavelengths inside blasé are vacuum Angstrom. A unit must be stated by the file, by the caller or by an
astropy Quantity; the values themselves are never used to choose one, only to add a hint to the error message.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, cast, get_args

import numpy as np
from astropy import units as u
from numpy.typing import ArrayLike, NDArray

from blase.errors import InputError
from blase.functional.air import air_to_vacuum

Medium = Literal["vacuum", "air"]
FloatArray = NDArray[np.float64]

_SPELLINGS: dict[str, u.UnitBase] = {
    **dict.fromkeys(("a", "aa", "ang", "angs", "angstrom", "angstroms", "ångström", "å", "å"), u.AA),
    **dict.fromkeys(("nm", "nanometer", "nanometers", "nanometre", "nanometres"), u.nm),
    **dict.fromkeys(
        ("um", "µm", "μm", "micron", "microns", "micrometer", "micrometers", "micrometre", "micrometres"),
        u.um,
    ),
}
_KNOWN = "Angstrom (A, AA), nm or micron (um)"
_PLAUSIBLE = (("Angstrom", 2_000.0, 60_000.0), ("nm", 200.0, 2_000.0), ("micron", 0.2, 60.0))


def parse_wavelength_unit(unit: str | u.UnitBase, *, path: str | Path | None = None) -> u.UnitBase:
    """The astropy unit of length meant by `unit` ('A' is the Angstrom here, never the ampere).

    Raises InputError if `unit` is not a unit of length.
    """
    if isinstance(unit, str) and unit.strip().lower() in _SPELLINGS:
        return _SPELLINGS[unit.strip().lower()]
    try:
        parsed = u.Unit(unit)
    except (ValueError, TypeError):
        parsed = None
    if parsed is None or parsed.physical_type != "length":
        raise InputError(
            "this is not a unit of wavelength",
            path=path,
            value=repr(str(unit)),
            expected=_KNOWN,
            fix="pass --wavelength-unit A, nm or um",
        )
    return parsed


def looks_like(values: ArrayLike) -> str:
    """A hint for a message: the unit in which `values` would be optical or infrared wavelengths, or ''."""
    finite = np.asarray(values, dtype=np.float64)
    finite = finite[np.isfinite(finite)]
    if not finite.size:
        return ""
    middle = float(np.median(finite))
    for name, low, high in _PLAUSIBLE:
        if low <= middle < high:
            return f"the values, near {middle:.6g}, look like {name}"
    return ""


def require_medium(medium: str, *, path: str | Path | None = None) -> Medium:
    """`medium` itself if it is 'vacuum' or 'air'; InputError otherwise."""
    if medium in get_args(Medium):
        return cast(Medium, medium)
    raise InputError(
        "the medium of the wavelengths is not known",
        path=path,
        value=repr(medium),
        expected="'vacuum' or 'air'",
        fix="pass --medium vacuum or --medium air",
    )


def to_vacuum_angstrom(
    wavelength: ArrayLike | u.Quantity,
    unit: str | u.UnitBase | None = None,
    *,
    medium: str = "vacuum",
    path: str | Path | None = None,
) -> FloatArray:
    """Wavelengths as vacuum Angstrom, float64, same shape.

    Parameters
    ----------
    wavelength : (...) numbers, or a Quantity, whose own unit then counts.
    unit : the unit of bare numbers; for a Quantity it must agree with the Quantity's own.
    medium : 'vacuum', or 'air' for air wavelengths, converted with
        :func:`blase.functional.air.air_to_vacuum`.

    Raises InputError when no unit is stated, or when two statements disagree.
    """
    medium = require_medium(medium, path=path)
    values = np.asarray(getattr(wavelength, "value", wavelength), dtype=np.float64)
    own = getattr(wavelength, "unit", None)
    if own is not None:
        own = parse_wavelength_unit(own, path=path)
        if unit is not None and parse_wavelength_unit(unit, path=path) != own:
            raise InputError(
                "mixed units: the wavelengths carry one unit and another was given",
                path=path,
                value=f"{own} and {unit}",
                expected="one unit",
                fix="leave --wavelength-unit (wavelength_unit=...) away, or strip the unit",
            )
        unit = own
    if unit is None:
        raise InputError(
            "the wavelengths have no unit",
            path=path,
            value=looks_like(values) or None,
            expected=_KNOWN,
            fix="pass --wavelength-unit (A, nm or um)",
        )
    angstrom = np.array(values * parse_wavelength_unit(unit, path=path).to(u.AA))
    if medium == "air":
        real = np.isfinite(angstrom) & (
            angstrom > 0
        )  # the rest is for the container to complain of, by pixel
        angstrom[real] = air_to_vacuum(angstrom[real])
    return angstrom
