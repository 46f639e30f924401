"""All steps in one call, in the order in which they belong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from blase.containers.spectrum import EchelleSpectrum
from blase.errors import InputError
from blase.preprocess.blaze import deblaze
from blase.preprocess.frame import to_frame
from blase.preprocess.masks import mask_cosmic_rays, mask_ranges, trim_edges
from blase.preprocess.sky import subtract_sky
from blase.preprocess.stack import stack
from blase.preprocess.uncertainty import estimate_uncertainty


@dataclass(frozen=True)
class Steps:
    """What is done to every exposure, in this order; what is left at its default is not done.

    Parameters
    ----------
    orders : rows to keep.
    wavelength_range : to keep, (low, high) [vacuum Angstrom in the frame of the file].
    sky_scale : throughput of the science fibre over that of the sky fibre, whose spectrum is subtracted.
    trim : pixels masked at either end of every order.
    masks : ranges to mask, (low, high) likewise.
    uncertainty_window : pixels of the blocks in which noise is measured, in place of the file's.
    cosmic_rays : standard deviations from which a spike is masked.
    deblaze : whether the blaze is divided out.
    frame : 'observatory' or 'barycentric', into which wavelengths are brought; a stack is barycentric unless
        it says otherwise.
    """

    orders: Sequence[int] | None = None
    wavelength_range: tuple[float, float] | None = None
    sky_scale: float | None = None
    trim: int = 0
    masks: Sequence[tuple[float, float]] = ()
    uncertainty_window: int | None = None
    cosmic_rays: float | None = None
    deblaze: bool = False
    frame: str | None = None


def prepare(spectra: Sequence[EchelleSpectrum], steps: Steps) -> EchelleSpectrum:
    """One spectrum of one or several exposures after all `steps`, which are in its history.

    Several exposures are stacked (`blase.preprocess.stack`). Raises InputError as the steps do, and for no
    exposure at all.
    """
    if not spectra:
        raise InputError(
            "there is nothing to prepare",
            value="no spectrum",
            expected="one or more",
            fix="name a file",
        )
    done = [_prepared(spectrum, steps) for spectrum in spectra]
    if len(done) > 1:
        return stack(done, frame=steps.frame or "barycentric")
    return done[0] if steps.frame is None else to_frame(done[0], steps.frame)


def _prepared(spectrum: EchelleSpectrum, steps: Steps) -> EchelleSpectrum:
    if steps.orders is not None:
        spectrum = spectrum.select(steps.orders)
    if steps.wavelength_range is not None:
        spectrum = spectrum.crop(*steps.wavelength_range)
    if steps.sky_scale is not None:
        spectrum = subtract_sky(spectrum, scale=steps.sky_scale)
    if steps.trim:
        spectrum = trim_edges(spectrum, steps.trim)
    if steps.masks:
        spectrum = mask_ranges(spectrum, steps.masks)
    if steps.uncertainty_window is not None:
        spectrum = estimate_uncertainty(spectrum, window=steps.uncertainty_window)
    if steps.cosmic_rays is not None:
        spectrum = mask_cosmic_rays(spectrum, threshold=steps.cosmic_rays)
    return deblaze(spectrum) if steps.deblaze else spectrum
