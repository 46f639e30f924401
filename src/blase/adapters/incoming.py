"""Spectra of specutils, muler and gollum as an échelle container, by what they have, not by what they are.

All of them carry `spectral_axis` and `flux` with units, and perhaps `uncertainty`, `mask` and `meta`;
collections of them are sequences or have a two-dimensional `spectral_axis`. Wavelengths of specutils do not
say their medium.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from astropy import units as u

from blase.containers.spectrum import EchelleSpectrum, from_arrays
from blase.errors import InputError
from blase.instruments import header as keywords
from blase.instruments.defaults import default_resolving_power

_UNCERTAINTIES: dict[str, Callable[[Any], Any]] = {
    "std": lambda a: a,
    "var": np.sqrt,
    "ivar": lambda a: 1.0 / np.sqrt(a),
}
_VACUUM = (
    "vacuum wavelengths assumed, since the object does not say the medium: give medium='air' if they are not"
)


def is_spectrum_like(thing: Any) -> bool:
    """Whether it has a spectral axis and a flux, or is a sequence of such things."""
    if hasattr(thing, "spectral_axis") and hasattr(thing, "flux"):
        return True
    items = isinstance(thing, Sequence) and not isinstance(thing, str | bytes) and len(thing) > 0
    return items and all(hasattr(item, "spectral_axis") and hasattr(item, "flux") for item in thing)


def as_spectrum(
    thing: Any,
    *,
    medium: str | None = None,
    frame: str | None = None,
    resolving_power: float | None = None,
) -> EchelleSpectrum:
    """An échelle spectrum from a specutils `Spectrum`, `SpectrumCollection` or `SpectrumList`, or a muler
    object.

    Parameters
    ----------
    thing : anything with `spectral_axis` and `flux`, or a sequence of such; an `EchelleSpectrum` comes back
        as it is.
    medium : 'vacuum' or 'air' of its wavelengths; vacuum where None, with a note.
    frame : 'observatory', 'barycentric' or 'rest'; what `meta['frame']` says, else unknown, where None.

    Target, time, instrument and its default resolving power come from `meta['header']` where there is one.
    Masks are True where a pixel is not used, as in specutils. Raises InputError for anything else.
    """
    if isinstance(thing, EchelleSpectrum):
        return thing
    if not is_spectrum_like(thing):
        raise InputError(
            "this is not a spectrum",
            value=type(thing).__name__,
            expected="an EchelleSpectrum, or an object with spectral_axis and flux (specutils, "
            "muler, gollum)",
            fix="read a file with blase.read_spectrum, or give arrays to blase.containers.from_arrays",
        )
    parts = list(_orders(thing))
    header = _header(thing) or _header(parts[0])
    instrument = keywords.text(header, "INSTRUME")
    quoted = default_resolving_power(instrument)
    time, time_from = keywords.exposure_midpoint(header)
    notes = [] if medium else [_VACUUM]
    errors = [_uncertainty(part) for part in parts]
    known = all(error is not None for error in errors)
    return from_arrays(
        [_wavelength(part) for part in parts],
        [part.flux for part in parts],
        errors if known else None,
        [_mask(part) for part in parts],
        medium=medium or "vacuum",
        frame=frame or str(_meta(thing).get("frame", "unknown")),
        echelle_orders=[_echelle_order(part) for part in parts],
        target=keywords.text(header, "OBJECT"),
        instrument=instrument,
        time=time,
        resolving_power=resolving_power or (quoted and quoted.value),
        resolving_power_error=None if resolving_power else (quoted and quoted.error),
        resolving_power_source="as asked" if resolving_power else (quoted and quoted.source),
        history=[f"taken from a {type(thing).__module__.split('.')[0]} {type(thing).__name__}", time_from],
        notes=notes,
    )


def _orders(thing: Any) -> Sequence[Any]:
    """One object for each order: the items of a sequence, the rows of a collection, or the thing itself."""
    if isinstance(thing, Sequence):
        return thing
    if np.ndim(thing.flux) < 2:
        return [thing]
    return [thing[i] for i in range(len(thing.flux))]


def _wavelength(part: Any) -> u.Quantity:
    axis = u.Quantity(part.spectral_axis)
    if axis.unit.physical_type != "length":
        axis = axis.to(u.AA, u.spectral())
    return axis.to(u.AA)


def _uncertainty(part: Any) -> Any:
    """Standard deviations, with unit, from std, var or ivar; None where there is nothing of these kinds."""
    uncertainty = getattr(part, "uncertainty", None)
    convert = _UNCERTAINTIES.get(getattr(uncertainty, "uncertainty_type", ""))
    if uncertainty is None or convert is None:
        return None
    unit = u.Quantity(part.flux).unit
    with np.errstate(divide="ignore", invalid="ignore"):
        return u.Quantity(convert(np.asarray(uncertainty.array, dtype=np.float64)), unit)


def _mask(part: Any) -> Any:
    mask = getattr(part, "mask", None)
    shape = np.shape(part.flux)
    return np.zeros(shape, bool) if mask is None else np.broadcast_to(np.asarray(mask, bool), shape)


def _meta(thing: Any) -> Mapping[str, Any]:
    meta = getattr(thing, "meta", None)
    return meta if isinstance(meta, Mapping) else {}


def _header(thing: Any) -> dict[str, Any]:
    header = _meta(thing).get("header")
    return {} if header is None else keywords.header_values(header)


def _echelle_order(part: Any) -> int | None:
    order = _meta(part).get("m")
    return int(order) if isinstance(order, int | np.integer) else None
