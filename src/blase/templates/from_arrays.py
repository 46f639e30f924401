"""From arrays to a `Template`: units, air, bad samples, range, continuum and sampling, in this order."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from blase.containers.units import to_vacuum_angstrom
from blase.errors import InputError
from blase.templates.absorbers import Absorbers
from blase.templates.flatten import Method, chosen_method, flatten, padded_slice, reach_of
from blase.templates.raw import VACUUM_ASSUMED, RawTemplate
from blase.templates.sampling import check_sampling
from blase.templates.template import Template, overlap

Array = NDArray[np.float64]
ResolvingPower = float | tuple[float, float | None] | str | None

_NORMALISED_LIMITS = (-0.05, 1.2)
_NORMALISED_TOP = 0.8


def template_from_arrays(
    wavelength: Any,
    flux: Any,
    *,
    wavelength_unit: Any = None,
    medium: str = "vacuum",
    normalised: bool | None = None,
    continuum: Any = None,
    resolving_power: ResolvingPower = None,
    wavelength_range: tuple[float, float] | None = None,
    effective_temperature: float | None = None,
    flattening: Method = "auto",
    name: str = "arrays",
) -> Template:
    """A template from arrays or astropy Quantities.

    Parameters
    ----------
    wavelength : (n,), strictly increasing (or decreasing throughout); a Quantity, or numbers in
        `wavelength_unit`. A Quantity of wavenumber, as exojax has it, or of frequency is converted, and with
        it a flux per wavenumber or frequency that has a unit.
    flux : (n,), absolute, or over the continuum where `normalised` or where `continuum` (n,) is given. With
        neither, values that all lie in -0.05 to 1.2 with a 95 % quantile above 0.8 are taken as normalised.
    medium : 'vacuum' or 'air', of the wavelengths.
    resolving_power : of the blur it already has: a number, (number, error), 'fit', or None for native.
    wavelength_range : (low, high) to keep, vacuum Angstrom.
    effective_temperature : of the black body that is divided out [K].
    flattening : the continuum of an absolute flux: 'smooth', 'pseudo', or 'auto', which is pseudo below 4000
        K (`blase.templates.flatten`).

    Raises
    ------
    InputError : on any array or option that is not as above.
    """
    wavelength, flux = _per_wavelength(wavelength, flux)
    raw = RawTemplate(
        _bare(wavelength),
        _bare(flux),
        normalised=True if continuum is not None else normalised,
        continuum=None if continuum is None else _bare(continuum),
        unit=_agreed_unit(wavelength, wavelength_unit),
        medium=medium,
        flux_unit=str(getattr(flux, "unit", None) or ""),
        effective_temperature=effective_temperature,
    )
    return build_template(
        raw,
        name=name,
        resolving_power=resolving_power,
        wavelength_range=wavelength_range,
        flattening=flattening,
    )


def _per_wavelength(axis: Any, flux: Any) -> tuple[Any, Any]:
    """Wavelength and flux per wavelength, where `axis` is a Quantity of wavenumber, frequency or energy.

    F_lambda = F_nu nu^2 / c up to a constant; a flux per wavelength, or without a unit, is left alone.
    """
    unit = getattr(axis, "unit", None)
    if unit is None or unit.physical_type == "length":
        return axis, flux
    try:
        wavelength = u.Quantity(axis).to(u.AA, u.spectral())
    except u.UnitConversionError:
        return axis, flux
    own = getattr(flux, "unit", None)
    if own is None or own.is_equivalent(u.dimensionless_unscaled):
        return wavelength[::-1], flux[::-1]
    return wavelength[::-1], (flux / wavelength**2 * u.AA**2)[::-1]


def build_template(
    raw: RawTemplate,
    *,
    name: str,
    resolving_power: ResolvingPower = None,
    wavelength_range: tuple[float, float] | None = None,
    flattening: Method = "auto",
    path: str | None = None,
    sha256: str | None = None,
) -> Template:
    """The template in `raw`: converted to vacuum Angstrom, cleaned, cut, flattened. Raises `InputError`."""
    power, power_error, fitted = parse_resolving_power(
        raw.resolving_power if resolving_power is None else resolving_power
    )
    wavelength, notes = _vacuum(raw, path)
    absorbers = Absorbers.of_transmission(wavelength, raw.by_species) if raw.by_species else None
    wavelength, flux, continuum, cleaned = _clean(wavelength, raw, path)
    notes = [*raw.notes, *notes, *cleaned]
    normalised = _looks_normalised(flux) if raw.normalised is None else raw.normalised
    if raw.normalised is None:
        notes.append(_guess_note(normalised))
    method = chosen_method(flattening, raw.effective_temperature)
    if wavelength_range is not None:
        overlap(wavelength, *wavelength_range, path=path)
        part = padded_slice(wavelength, *wavelength_range, reach=reach_of(method))
        wavelength, flux, continuum = wavelength[part], flux[part], continuum[part]
    if not normalised:
        flux, continuum, flattened = flatten(wavelength, flux, raw.effective_temperature, method=method)
        notes.extend(flattened)
    declared = power is not None or fitted
    notes.extend(check_sampling(wavelength, declared=declared, name=path or name))
    template = Template(
        name=name,
        wavelength=wavelength,
        normalised=flux,
        continuum=continuum,
        flux_unit=raw.flux_unit,
        resolving_power=power,
        resolving_power_error=power_error,
        fit_resolving_power=fitted,
        effective_temperature=raw.effective_temperature,
        path=path,
        sha256=sha256,
        notes=tuple(notes),
        absorbers=absorbers,
    )
    return template if wavelength_range is None else template.crop(*wavelength_range)


def parse_resolving_power(value: ResolvingPower) -> tuple[float | None, float | None, bool]:
    """(resolving power, its error, whether to fit it) from a number, (number, error), 'fit' or None."""
    if value is None or isinstance(value, str):
        if value not in (None, "fit"):
            raise _bad_power(value)
        return None, None, value == "fit"
    power, error = value if isinstance(value, tuple) else (value, None)
    if not (np.isfinite(power) and power > 0 and (error is None or (np.isfinite(error) and error >= 0))):
        raise _bad_power(value)
    return float(power), None if error is None else float(error), False


def _bad_power(value: object) -> InputError:
    return InputError(
        "the resolving power of a template is not understood",
        value=value,
        expected="lambda / FWHM above zero, optionally with its error, or 'fit'",
        fix="pass --template-resolving-power R[:ERR] or fit (resolving_power=...)",
    )


def _bare(values: Any) -> Array:
    filled = values.filled(np.nan) if isinstance(values, np.ma.MaskedArray) else values
    try:
        return np.array(getattr(filled, "value", filled), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            "an array of the template is not numeric",
            value=error,
            expected="an array of numbers",
            fix="convert it with numpy.asarray",
        ) from error


def _agreed_unit(wavelength: Any, unit: Any) -> str | None:
    """Unit of a Quantity, checked against `unit` where both are there; else `unit`."""
    if getattr(wavelength, "unit", None) is None:
        return None if unit is None else str(unit)
    to_vacuum_angstrom(wavelength[:0], unit)
    return str(wavelength.unit)


def _vacuum(raw: RawTemplate, path: str | None) -> tuple[Array, list[str]]:
    """Wavelengths in vacuum Angstrom, and what was done to get there."""
    medium = raw.medium or "vacuum"
    wavelength = to_vacuum_angstrom(raw.wavelength, raw.unit, medium=medium, path=path)
    if medium == "air":
        return wavelength, ["wavelengths converted from air to vacuum"]
    return wavelength, [] if raw.medium else [VACUUM_ASSUMED]


def _clean(wavelength: Array, raw: RawTemplate, path: str | None) -> tuple[Array, Array, Array, list[str]]:
    """Wavelength, flux and continuum (m,) without bad samples, in increasing order, and notes."""
    continuum = np.ones_like(raw.flux) if raw.continuum is None else raw.continuum
    if wavelength.ndim != 1 or not wavelength.shape == raw.flux.shape == continuum.shape:
        raise InputError(
            "the arrays of the template differ in shape or are not one-dimensional",
            path=path,
            value=f"wavelength {wavelength.shape}, flux {raw.flux.shape}, continuum {continuum.shape}",
            expected="arrays (n,) of one length",
            fix="give one wavelength for every flux",
        )
    good = np.isfinite(wavelength) & np.isfinite(raw.flux) & np.isfinite(continuum) & (continuum != 0)
    if good.sum() < 2:
        raise InputError(
            "the template has fewer than two finite samples",
            path=path,
            value=f"{good.sum()} of {len(good)}",
            expected="finite wavelengths and fluxes",
            fix="choose another template, or check its columns",
        )
    notes = [] if good.all() else [f"{(~good).sum():,} samples that are not finite were dropped"]
    arrays = [x[good] for x in (wavelength, raw.flux, continuum)]
    if (np.diff(arrays[0]) < 0).all():
        arrays = [x[::-1].copy() for x in arrays]
        notes.append("decreasing wavelengths were reversed")
    _check_increasing(arrays[0], path)
    return arrays[0], arrays[1], arrays[2], notes


def _check_increasing(wavelength: Array, path: str | None) -> None:
    wrong = np.flatnonzero(np.diff(wavelength) <= 0)
    if wavelength[0] <= 0 or len(wrong):
        i = int(wrong[0]) if len(wrong) else 0
        raise InputError(
            "the wavelengths of the template are not positive and strictly increasing",
            path=path,
            value=f"{wavelength[i]:.6f} then {wavelength[i + 1]:.6f} at sample {i}",
            expected="every wavelength greater than the one before",
            fix="sort the samples and remove repeated ones",
        )


def _looks_normalised(flux: Array) -> bool:
    low, high = _NORMALISED_LIMITS
    inside = bool(flux.min() >= low and flux.max() <= high)
    return inside and float(np.quantile(flux, 0.95)) > _NORMALISED_TOP


def _guess_note(normalised: bool) -> str:
    if normalised:
        return "values lie near or below 1: taken as already divided by the continuum"
    return "values are not those of a normalised spectrum: taken as flux"
