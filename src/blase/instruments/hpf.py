"""HPF (Habitable-zone Planet Finder, HET): extracted spectra of the instrument team and of Goldilocks.

Both hold images of 28 orders x 2048 pixels in HDUs called 'Sci Flux', 'Sky Flux', 'Cal Flux', then 'Sci
Variance' (team) or 'Sci Error' (Goldilocks) and so on, then 'Sci Wavl': vacuum Angstrom in the frame of the
observatory.

Rows are échelle orders m = 75 (row 0) to 48 (row 27): m times the mean wavelength of a row is 610,070
Angstrom in all rows within 1.7 Angstrom.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from blase.containers.spectrum import EchelleSpectrum, from_arrays
from blase.errors import InputError
from blase.instruments import header as keywords
from blase.instruments.base import FileHead, ReadOptions, look
from blase.instruments.observation import Observation
from blase.instruments.sites import HET

FloatArray = NDArray[np.float64]

FIRST_ECHELLE_ORDER = 75
BLAZE_CONSTANT = 610_280.0
"""m lambda_m [Angstrom], lambda_m the blaze wavelength of order m.

Measured on four exposures (an A0V star, GJ 699 twice, G 9-40) in rows 2-7, 13, 15-19 and 23-27, those least
hidden by tellurics: sinc^2 times one constant was fitted to the upper envelope of the flux (90th percentile
of 64 pixels). The medians over rows are 610,226, 610,311, 610,321 and 610,273, and the envelope is met within
1.5 % (median). Clean rows repeat within 100 but drift from 610,900 in the blue to 609,500 in the red:
throughput and the star's own slope, left to the continuum. A slope fitted together with the constant is
degenerate with it, to 1500. A free width of the sinc^2 comes out at 0.98, so the width is as the equation
says.
"""

_FLUX, _WAVELENGTH, _SKY = "SCI FLUX", "SCI WAVL", "SKY FLUX"
_ERRORS = {"SCI VARIANCE", "SCI ERROR"}


def blaze_function(
    wavelength: FloatArray, echelle_order: int, constant: float = BLAZE_CONSTANT
) -> FloatArray:
    """Efficiency of an échelle grating relative to its peak, same shape as `wavelength` (vacuum Angstrom).

    b_m(lambda) = sinc^2( m (1 - lambda_m / lambda) ), lambda_m = constant / m, sinc(x) = sin(pi x) / (pi x):
    diffraction by one facet (Schroeder, Astronomical Optics, 2nd ed. 2000, chapter 13).
    """
    return np.sinc(echelle_order - constant / wavelength) ** 2


class HpfReader:
    """Reader of `Slope-*.optimal.fits` and Goldilocks `*.spectra.fits`."""

    name = "hpf"

    def recognises(self, head: FileHead) -> bool:
        """Whether the file has the science flux, wavelengths and errors of HPF."""
        names = {hdu.name.upper() for hdu in head.hdus}
        return {_FLUX, _WAVELENGTH} <= names and bool(_ERRORS & names)

    def read(self, path: Path, options: ReadOptions) -> EchelleSpectrum:
        """All 28 orders, with sky, blaze, barycentric velocity and default resolving power."""
        if not look(path).hdus:
            raise _not_hpf(path, "no FITS file")
        with fits.open(path, memmap=False) as hdus:
            _require_extensions(hdus, path)
            values = keywords.header_values(hdus[0].header)
            arrays = {hdu.name.upper(): hdu.data for hdu in hdus[1:]}
        wavelength = np.asarray(arrays[_WAVELENGTH], dtype=np.float64)
        sky = _flux_and_uncertainty(arrays, "SKY") if _SKY in arrays else (None, None)
        flux, uncertainty = _flux_and_uncertainty(arrays, "SCI")
        orders = [FIRST_ECHELLE_ORDER - row for row in range(len(wavelength))]
        return from_arrays(
            wavelength,
            flux,
            uncertainty,
            wavelength_unit=options.wavelength_unit or "Angstrom",
            medium=options.medium or "vacuum",
            frame="observatory",
            blaze=[blaze_function(row, m) for row, m in zip(wavelength, orders, strict=True)],
            sky=sky[0],
            sky_uncertainty=sky[1],
            echelle_orders=orders,
            path=str(path),
            flux_unit=_flux_unit(keywords.text(values, "CUNITS")),
            **_observation(values).arguments(
                ["read as HPF: vacuum Angstrom, observatory frame, blaze left in the flux"],
                [_sky_note(arrays)],
            ),
        )


def _observation(values: dict[str, Any]) -> Observation:
    time, time_from = keywords.exposure_midpoint(values)
    return Observation(
        instrument="HPF",
        target=keywords.text(values, "OBJECT"),
        time=time,
        time_from=time_from,
        site=HET,
        position=keywords.queue_position(values),
        stated_velocity=keywords.stated_barycentric_velocity(values),
        stated_in="BRVCORR",
    )


def _require_extensions(hdus: fits.HDUList, path: Path) -> None:
    names = {hdu.name.upper() for hdu in hdus}
    missing = [name for name in (_FLUX, _WAVELENGTH) if name not in names]
    if not names & _ERRORS:
        missing.append("SCI VARIANCE or SCI ERROR")
    if missing:
        raise _not_hpf(path, f"no extension {', '.join(missing)}")


def _not_hpf(path: Path, found: str) -> InputError:
    return InputError(
        "this is not an extracted HPF spectrum",
        path=path,
        value=found,
        expected="a FITS file with 'Sci Flux', 'Sci Wavl' and 'Sci Variance' or 'Sci Error'",
        fix="choose another --instrument, or leave it out",
    )


def _flux_and_uncertainty(arrays: dict[str, Any], fibre: str) -> tuple[FloatArray, FloatArray | None]:
    flux = np.asarray(arrays[f"{fibre} FLUX"], dtype=np.float64)
    if f"{fibre} VARIANCE" in arrays:
        with np.errstate(invalid="ignore"):
            return flux, np.sqrt(np.asarray(arrays[f"{fibre} VARIANCE"], dtype=np.float64))
    error = arrays.get(f"{fibre} ERROR")
    return flux, None if error is None else np.asarray(error, dtype=np.float64)


def _sky_note(arrays: dict[str, Any]) -> str:
    if _SKY not in arrays:
        return "the sky was not subtracted"
    sky, flux = (np.asarray(arrays[name], dtype=np.float64) for name in (_SKY, _FLUX))
    if not (np.isfinite(sky).any() and np.isfinite(flux).any()):
        return "the sky was not subtracted"
    share = 100.0 * np.nanmedian(sky) / np.nanmedian(flux)
    return f"the sky was not subtracted (median {share:.2g} % of the median science flux)"


def _flux_unit(text: str | None) -> str:
    """The unit as FITS and astropy spell it; the pipeline writes electrons per second as e-/sec."""
    return (text or "").replace("e-", "electron").replace("/sec", "/s")
