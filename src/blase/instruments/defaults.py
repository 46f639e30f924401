"""What is known of instruments when neither the file nor the user says it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ResolvingPower:
    """A quoted resolving power lambda / FWHM, its error and its source."""

    value: float
    error: float
    source: str


_WHICH = "whether the pixel is included is not stated there"
_FIBRE, _SLIT_WIDTH = 0.03, 0.07
"""Relative errors: a fibre's image does not change; a star may be narrower than its slit."""


def quoted(value: float, source: str, *, relative_error: float = _FIBRE) -> ResolvingPower:
    """A resolving power that somebody published, believed to `relative_error`."""
    text = f"{source}: {value:,.0f} +- {relative_error:.0%}; {_WHICH}"
    return ResolvingPower(float(value), relative_error * value, text)


def through_slit(
    product: float,
    width: float | None,
    usual: float,
    source: str,
    *,
    relative_error: float = _SLIT_WIDTH,
) -> ResolvingPower:
    """The resolving power `product` / `width` behind a slit [arcsec], or behind the `usual` one."""
    where = f'{width:g}" slit' if width else f'{usual:g}" slit assumed, since the file does not say'
    return quoted(product / (width or usual), f"{where}; {source}", relative_error=relative_error)


OVERVIEWS = "instrument overviews of the EPRV standard, github.com/EPRV-RCN/RVData"
_NIRPS = f"80,000 and 70,000 in github.com/ngrieves/NIRPS-ETC, 100,000 and 90,000 in {OVERVIEWS}"


def nirps_resolving_power(mode: str | None) -> ResolvingPower:
    """That of NIRPS's high-accuracy (HA) or high-efficiency fibre (HE), or of either; sources disagree."""
    if mode in ("HA", "HE"):
        value, fibre = (90_000.0, "HA") if mode == "HA" else (80_000.0, "HE")
        return quoted(value, f"NIRPS default, fibre {fibre} (HA and HE: {_NIRPS})", relative_error=0.12)
    return quoted(85_000.0, f"NIRPS default, fibre not known (HA and HE: {_NIRPS})", relative_error=0.18)


_QUOTED = {
    "IGRINS": (
        45_000.0,
        "IGRINS default (Park et al. 2014, Proc. SPIE 9147, 91471D; gemini.edu/instrumentation/igrins)",
    ),
    "IGRINS-2": (45_000.0, "IGRINS-2 default (Lee et al. 2022, Proc. SPIE 12184, 121841N)"),
    "APOGEE": (
        22_500.0,
        "APOGEE default (Wilson et al. 2019, PASP 131, 055001; arxiv.org/abs/1902.00928)",
    ),
    "HARPS": (
        115_000.0,
        "HARPS default, high-accuracy fibre (www.ls.eso.org/lasilla/sciops/3p6/harps/overview.html; Mayor et "
        "al. 2003, The Messenger 114, 20)",
    ),
    "HARPS-N": (115_000.0, f"HARPS-N default ({OVERVIEWS}; Cosentino et al. 2012, Proc. SPIE 8446, 84461V)"),
    "ESPRESSO": (
        140_000.0,
        f"ESPRESSO default, one telescope, HR (Pepe et al. 2021, A&A 645, A96; 70,000 to 190,000 by mode: "
        f"{OVERVIEWS})",
    ),
    "NEID": (
        110_000.0,
        f"NEID default, high-resolution fibre ({OVERVIEWS}; Schwab et al. 2016, Proc. SPIE 9908, 99087H)",
    ),
    "MAROON-X": (
        85_000.0,
        "MAROON-X default, 80,000 to 88,000 of extracted lines "
        "(gemini.edu/instrumentation/maroon-x/capability)",
    ),
    "CARMENES-VIS": (94_600.0, "CARMENES VIS default (iac.es, telescopes and experiments, CARMENES)"),
    "CARMENES-NIR": (80_400.0, "CARMENES NIR default (iac.es, telescopes and experiments, CARMENES)"),
    "VELOCE": (
        80_000.0,
        "VELOCE default, as designed (Gilbert et al. 2018, Proc. SPIE 10702, 107020Y; "
        "newt.phys.unsw.edu.au/~cgt/Veloce/Instrument.html)",
    ),
    "TRES": (
        44_000.0,
        "TRES default (6.8 km/s in github.com/Starfish-develop/Starfish, grid_tools/instruments.py; Furesz "
        "2008, PhD thesis, University of Szeged)",
    ),
    "NIRSPEC": (
        25_000.0,
        'NIRSPEC default, 0.43" slit (McLean et al. 1998, Proc. SPIE 3354, 566; '
        "www.kusastro.kyoto-u.ac.jp/~iwamuro/SEMI/0412/NIRSPEC.htm)",
    ),
}
RESOLVING_POWERS = {
    "HPF": ResolvingPower(
        55_000.0,
        0.03 * 55_000.0,
        "HPF default, 55,000 +- 3 %: the instrument's quoted value (Mahadevan et al. 2014, "
        "Proc. SPIE 9147, 91471G); whether it includes the pixel is not stated there (that is worth 3 %)",
    ),
    "NIRPS": nirps_resolving_power(None),
    **{name: quoted(value, source) for name, (value, source) in _QUOTED.items()},
}


def default_resolving_power(instrument: str | None) -> ResolvingPower | None:
    """The quoted resolving power of an instrument by its INSTRUME name, or None."""
    return RESOLVING_POWERS.get((instrument or "").strip().upper())


DETECTOR_PIXELS = {
    "HARPS": 0.82,  # 4096 pixels of an order span 1.1 % of its wavelength, as the real file has it
    "HARPS-N": 0.82,  # likewise: the same spectrograph and format
    "ESPRESSO": 0.5,
    "NIRPS": 0.99,  # c / 80,000 / 3.8 pixels: resolving power and sampling of the HA fibre in NIRPS-ETC
}
"""Widths of detector pixels [km/s] of instruments whose pipelines resample, where they are known."""


def detector_pixel(instrument: str | None) -> float | None:
    """Width of a detector pixel [km/s] of an instrument by its INSTRUME name, None where not known."""
    return DETECTOR_PIXELS.get((instrument or "").strip().upper())


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
    "NIRSPEC": WavelengthUncertainty(
        4.0, "one pixel: the shift of telluric lines from order to order of one exposure reduced by NSDRP"
    ),
    "HIRES": WavelengthUncertainty(0.4, _SLIT),
}
"""Instruments whose wavelength solutions are corrected in a fit.

Stabilised ones (HPF, HARPS, ESPRESSO, NEID, SPIRou, CARMENES, MAROON-X, ...) and unknown ones are believed.
"""


def default_wavelength_uncertainty(instrument: str | None) -> WavelengthUncertainty | None:
    """By how much the wavelengths of an instrument (its INSTRUME name) may be wrong; None: not at all."""
    name = "".join(c for c in (instrument or "").upper() if c.isalnum())
    return WAVELENGTH_UNCERTAINTIES.get(name)
