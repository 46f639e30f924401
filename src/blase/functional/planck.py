"""Black-body flux."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from blase.constants import RADIATION_CONSTANT_2
from blase.errors import InputError

_RADIATION_CONSTANT_1 = 3.741771852192757e-5  # 2 pi h c^2 [erg cm^2 / s], CODATA 2018
_CM_PER_ANGSTROM = 1e-8


def planck_per_wavelength(wavelength_A: ArrayLike, temperature: float) -> NDArray[np.float64]:
    """Surface flux pi B_lambda = c1 lambda^-5 / (exp(c2 / (lambda T)) - 1) [erg / s / cm^2 / cm].

    It is integrated over the outward hemisphere (no steradian): its integral over wavelength is sigma_SB T^4.
    c1 = 2 pi h c^2 and c2 = h c / k_B (CODATA 2018).

    Parameters
    ----------
    wavelength_A : vacuum wavelength [Angstrom], any shape, above zero.
    temperature : T [K], above zero.

    Raises
    ------
    InputError : if an argument is not above zero.
    """
    wavelength = np.asarray(wavelength_A, dtype=np.float64)
    if not (temperature > 0.0 and np.all(wavelength > 0.0)):
        raise InputError(
            "the black body is defined for positive wavelengths and temperatures",
            value=f"T = {temperature} K, shortest wavelength {wavelength.min()} Angstrom",
            expected="both above zero",
        )
    x = RADIATION_CONSTANT_2 / (wavelength * temperature)
    occupation = np.exp(-x) / -np.expm1(-x)  # 1 / (e^x - 1), which cannot overflow
    return _RADIATION_CONSTANT_1 * (wavelength * _CM_PER_ANGSTROM) ** -5 * occupation
