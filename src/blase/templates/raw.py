"""What a file of a template holds, before units, air and continuum are dealt with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

VACUUM_ASSUMED = "wavelengths taken as vacuum (the file does not say; state the medium if they are in air)"
"""The note of a template or line list that does not say whether it is in air or in vacuum."""
_FAINTEST = 0.01  # of the continuum, below which flux / normalised is not used to find it


@dataclass(frozen=True)
class RawTemplate:
    """Arrays as read.

    Attributes
    ----------
    wavelength, flux : (n,), in `unit` and `flux_unit`.
    normalised : whether `flux` is over the continuum; None where the file does not say.
    continuum : (n,) where the file has it.
    unit, medium : of the wavelengths, None where the file does not say.
    by_species : transmissions (n,) of single gases, where the file has them.
    """

    wavelength: NDArray[np.float64]
    flux: NDArray[np.float64]
    normalised: bool | None = None
    continuum: NDArray[np.float64] | None = None
    unit: str | None = None
    medium: str | None = None
    flux_unit: str = ""
    effective_temperature: float | None = None
    resolving_power: float | None = None
    notes: tuple[str, ...] = ()
    by_species: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def with_note(self, note: str) -> RawTemplate:
        """The same with one more note."""
        return replace(self, notes=(*self.notes, note))


def split_flux(
    normalised: NDArray[np.float64] | None,
    flux: NDArray[np.float64] | None,
    continuum: NDArray[np.float64] | None,
) -> tuple[NDArray[np.float64], bool | None, NDArray[np.float64] | None]:
    """Flux to use, whether it is normalised, and the continuum, from the columns (n,) that a file has.

    At least one of `normalised` and `flux` is given. Where both are, the continuum is their ratio,
    interpolated over samples darker than 1 % of it.
    """
    if normalised is not None:
        if continuum is None and flux is not None:
            continuum = _ratio(flux, normalised)
        return normalised, True, continuum
    assert flux is not None
    if continuum is not None:
        return flux / continuum, True, continuum
    return flux, None, None


def _ratio(flux: NDArray[np.float64], normalised: NDArray[np.float64]) -> NDArray[np.float64] | None:
    index = np.arange(len(flux))
    bright = (normalised > _FAINTEST) & np.isfinite(flux)
    if not bright.any():
        return None
    return np.interp(index, index[bright], flux[bright] / normalised[bright])
