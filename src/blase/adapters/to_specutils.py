"""Containers and results as objects of specutils; the extra `specutils` is needed."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units as u
from astropy.nddata import StdDevUncertainty

from blase.containers.spectrum import EchelleSpectrum
from blase.errors import InputError
from blase.results.result import FitResult

_PARTS = ("flux", "model", "star", "telluric", "continuum", "telluric_free")


def to_specutils(thing: EchelleSpectrum | FitResult) -> Any:
    """specutils objects of a spectrum or of the result of a fit.

    A spectrum becomes a `SpectrumList`, one `Spectrum` for each order, with uncertainty, mask and, in `meta`,
    row, échelle order, medium (vacuum) and frame. A result becomes a dictionary: 'flux', 'model', 'star',
    'telluric', 'continuum' and 'telluric_free' as such lists on the pixels of the data, and 'template', one
    `Spectrum` of the super-resolution star in its rest frame. Raises InputError without specutils.
    """
    kinds = _specutils()
    if isinstance(thing, EchelleSpectrum):
        return kinds.SpectrumList([_order(kinds, order, thing) for order in thing.orders])
    parts = {
        name: kinds.SpectrumList([_fitted(kinds, order, name) for order in thing.orders])
        for name in _PARTS
        if thing.orders
    }
    return {**parts, "template": _template(kinds, thing)}


def _specutils() -> Any:
    try:
        import specutils
    except ImportError as error:
        raise InputError(
            "specutils cannot be imported",
            value=str(error),
            expected="blase-echelle with its extra specutils",
            fix="pip install 'blase-echelle[specutils]'",
        ) from error
    return specutils


def _spectrum(
    kinds: Any, wavelength: Any, flux: Any, uncertainty: Any, mask: Any, meta: dict[str, Any]
) -> Any:
    return kinds.Spectrum(
        spectral_axis=np.asarray(wavelength) * u.AA,
        flux=flux,
        uncertainty=None if uncertainty is None else StdDevUncertainty(np.asarray(uncertainty)),
        mask=None if mask is None else np.asarray(mask),
        meta=meta,
    )


def _order(kinds: Any, order: Any, spectrum: EchelleSpectrum) -> Any:
    about = spectrum.metadata
    meta = {"row": order.row, "m": order.echelle_order, "medium": "vacuum", "frame": about.frame}
    meta |= {"target": about.target, "instrument": about.instrument, "history": list(about.history)}
    flux = order.flux * _unit(about.flux_unit)
    return _spectrum(kinds, order.wavelength, flux, order.uncertainty, order.mask, meta)


def _fitted(kinds: Any, order: Any, name: str) -> Any:
    absolute = name not in ("star", "telluric")
    flux = getattr(order, name) * (_unit(order.flux_unit) if absolute else u.dimensionless_unscaled)
    data = name in ("flux", "telluric_free")
    meta = {"row": order.row, "medium": "vacuum", "part": name}
    error, mask = (order.uncertainty, order.mask) if data else (None, None)
    return _spectrum(kinds, order.wavelength, flux, error, mask, meta)


def _template(kinds: Any, result: FitResult) -> Any:
    table = result.template
    meta = {"medium": "vacuum", "frame": "rest", "part": "template"}
    flux = u.Quantity(table["normalised"]).value * u.dimensionless_unscaled
    error = u.Quantity(table["uncertainty"]).value
    return _spectrum(kinds, u.Quantity(table["wavelength"]).to_value(u.AA), flux, error, None, meta)


def _unit(text: str) -> u.UnitBase:
    try:
        return u.Unit(text or "")
    except ValueError:
        return u.dimensionless_unscaled
