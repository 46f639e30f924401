"""What is known of instruments when neither the file nor the user says it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ResolvingPower:
    """A quoted resolving power lambda / FWHM, its error and its source."""

    value: float
    error: float
    source: str


RESOLVING_POWERS = {
    "HPF": ResolvingPower(
        55_000.0,
        0.03 * 55_000.0,
        "HPF default, 55,000 +- 3 %: the instrument's quoted value (Mahadevan et al. 2014, "
        "Proc. SPIE 9147, 91471G); whether it includes the pixel is not stated there (that is worth 3 %)",
    )
}


def default_resolving_power(instrument: str | None) -> ResolvingPower | None:
    """The quoted resolving power of an instrument by its INSTRUME name, or None."""
    return RESOLVING_POWERS.get((instrument or "").strip().upper())


@dataclass(frozen=True)
class WavelengthUncertainty:
    """By how much the wavelengths of an order may be wrong: standard deviation [km/s], and why so much."""

    width: float
    source: str


_SLIT = "a tenth of a resolution element, as a star need not stand in the middle of the slit"
WAVELENGTH_UNCERTAINTIES = {
    "IGRINS": WavelengthUncertainty(
        0.6, "0.3 pixels, residuals of the OH lines in the pipeline's wavelength solution (IGRINS PLP)"
    ),
    "UVES": WavelengthUncertainty(
        0.3,
        "shifts of 0.1 to 0.5 km/s, distortions within orders of 0.1 to 0.2 (Whitmore, Murphy & Griest "
        "2010, ApJ 723, 89)",
    ),
    "XSHOOTER": WavelengthUncertainty(
        2.0, "accuracy quoted in the X-shooter User Manual (2009, section 4.2)"
    ),
    "CRIRES": WavelengthUncertainty(0.3, _SLIT),
    "ISHELL": WavelengthUncertainty(0.4, _SLIT),
    "NIRSPEC": WavelengthUncertainty(1.0, _SLIT),
}
"""Instruments whose wavelength solutions are corrected in a fit.

Stabilised ones (HPF, HARPS, ESPRESSO, NEID, SPIRou, CARMENES, MAROON-X, ...) and unknown ones are believed.
"""


def default_wavelength_uncertainty(instrument: str | None) -> WavelengthUncertainty | None:
    """By how much the wavelengths of an instrument (its INSTRUME name) may be wrong; None: not at all."""
    name = "".join(c for c in (instrument or "").upper() if c.isalnum())
    return WAVELENGTH_UNCERTAINTIES.get(name)
