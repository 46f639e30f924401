"""A container as muler's list of échelle orders; the extra `muler` is needed."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units as u
from astropy.nddata import StdDevUncertainty

from blase.containers.spectrum import EchelleSpectrum
from blase.errors import InputError


def to_muler(spectrum: EchelleSpectrum) -> Any:
    """muler's `EchelleSpectrumList` of a spectrum, one muler `EchelleSpectrum` for each order.

    Raises InputError where muler, or a package that it imports without declaring it, is missing.
    """
    muler = _muler()
    orders = [_order(muler, order) for order in spectrum.orders]
    return muler.EchelleSpectrumList(orders)


def _order(muler: Any, order: Any) -> Any:
    return muler.EchelleSpectrum(
        spectral_axis=order.wavelength * u.AA,
        flux=order.flux * u.dimensionless_unscaled,
        uncertainty=StdDevUncertainty(order.uncertainty),
        mask=np.asarray(order.mask),
        meta={"x_values": np.arange(len(order)), "m": order.echelle_order, "header": {}},
    )


def _muler() -> Any:
    try:
        import muler.echelle
    except ImportError as error:
        missing = getattr(error, "name", None) or str(error)
        raise InputError(
            "muler cannot be imported",
            value=f"{error}",
            expected="muler and every package that it imports, of which it does not declare all",
            fix=f"pip install 'blase-echelle[muler]', and {missing} if it is still missing",
        ) from error
    return muler.echelle
