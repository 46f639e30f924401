"""Whether a template is sampled finely enough to be native."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from blase.errors import BlaseWarning

NATIVE_SAMPLING = 200_000.0
"""Smallest lambda / (spacing of samples) of a template that is taken as native without a warning."""


def sampling_resolving_power(wavelength: NDArray[np.float64]) -> float:
    """Highest resolving power that the sampling carries: median of lambda / (2 dlambda), two a FWHM.

    `wavelength` (n,) is increasing, n >= 2. The number of samples per ln(wavelength) is twice this.
    """
    spacing = np.diff(wavelength)
    return float(np.median(wavelength[:-1] / (2.0 * spacing)))


def check_sampling(wavelength: NDArray[np.float64], *, declared: bool, name: str) -> tuple[str, ...]:
    """Warn where a template that declares no resolving power is sampled more coarsely than lambda/200,000.

    Returns the notes to keep with the template: none, or one sentence that says what was assumed.
    """
    samples = 2.0 * sampling_resolving_power(wavelength)
    if declared or samples >= NATIVE_SAMPLING:
        return ()
    note = (
        f"sampled at lambda/dlambda = {samples:,.0f}, coarser than {NATIVE_SAMPLING:,.0f}, and no "
        "resolving power declared: taken as native, so that line widths include the template's own blur"
    )
    warnings.warn(
        f"{name}: {note}; declare it with --template-resolving-power or --telluric-resolving-power",
        BlaseWarning,
        stacklevel=2,
    )
    return (note,)
