"""One order of an échelle spectrum: vacuum wavelength [Angstrom], flux, uncertainty and mask.

`mask` is True where a pixel is *not* used. Pixels whose flux is not finite or whose uncertainty is not finite
and positive are always masked; why each pixel is masked follows from the arrays, see `Order.mask_reasons`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blase.constants import SPEED_OF_LIGHT
from blase.errors import InputError

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

MINIMUM_GOOD_PIXELS = 50
MINIMUM_GOOD_FRACTION = 0.2
LARGEST_SNR = 1e6
"""A pixel with a larger ratio of flux to uncertainty has no credible uncertainty."""
_ARRAYS = ("wavelength", "flux", "uncertainty", "blaze", "sky", "sky_uncertainty", "noise_length")
"""Fields with one number for each pixel."""
_WIDEST_STEP = 50.0, 0.01
"""A step above both, in median steps and in wavelengths, is no gap within one order."""
_GAP = 1.5
"""A pixel that would reach farther than this many half local spacings borders a gap."""
_NEIGHBOURS = 4
"""Steps on either side of a pixel whose median is its local spacing."""


_LONGEST = 1e7
"""Longest wavelength [Angstrom] that a spectrum may have: a millimetre."""


def pixel_edges(centres: FloatArray) -> FloatArray:
    """(n+1,) edges of pixels with the given (n,) centres: midpoints, the outer two by extrapolation."""
    middle = 0.5 * (centres[1:] + centres[:-1])
    first = 2.0 * centres[0] - middle[0]
    last = 2.0 * centres[-1] - middle[-1]
    return np.concatenate(([first], middle, [last]))


def pixel_bounds(centres: FloatArray, edges: FloatArray) -> FloatArray:
    """(n, 2) lower and upper edge of each pixel: `edges` (n+1,), but beside a gap half a local pixel.

    Where pixels were removed, the midpoint of the centres left and right lies outside both pixels. A pixel
    that would reach farther than 1.5 half local spacings (median of the four steps on either side) ends half
    a local spacing from its centre.
    """
    steps = np.pad(np.diff(centres), _NEIGHBOURS, constant_values=np.nan)
    half = 0.5 * np.nanmedian(np.lib.stride_tricks.sliding_window_view(steps, 2 * _NEIGHBOURS), axis=1)
    lower = np.where(centres - edges[:-1] > _GAP * half, centres - half, edges[:-1])
    upper = np.where(edges[1:] - centres > _GAP * half, centres + half, edges[1:])
    return np.stack([lower, upper], axis=1)


def detector_bounds(centres: FloatArray, width: float) -> FloatArray:
    """(n, 2) lower and upper edge of detector pixels of `width` [km/s] about the given (n,) centres."""
    half = 0.5 * centres * width / SPEED_OF_LIGHT
    return np.stack([centres - half, centres + half], axis=1)


@dataclass(frozen=True, eq=False)
class Order:
    """One order. All arrays are (n,), n >= 2.

    Parameters
    ----------
    row : 0-based place in the file, the number that `--order` takes.
    wavelength : vacuum Angstrom at pixel centres, finite and strictly increasing.
    flux, uncertainty : in the same, arbitrary unit; the uncertainty is one standard deviation.
    mask : True where the pixel is not used; bad flux or uncertainty is added to it.
    blaze : relative efficiency of the grating at each pixel, still in `flux`; None where unknown.
    sky, sky_uncertainty : what a sky fibre or the sky beside the star gave, in the unit of `flux` and still
        in it; None where unknown or already taken off.
    echelle_order : the diffraction order, where known.
    noise_length : number of neighbouring pixels that share their noise, at each pixel, where resampling made
        it more than one: the variance of a mean over many pixels over that of independent ones. `uncertainty`
        has been multiplied by its square root. None for independent pixels.
    detector_pixel : width [km/s] of the detector pixels from which the order was resampled; None where the
        pixels are those of the detector, or nothing is known.
    stored_edges : (n+1,) pixel edges, kept by an order that was cropped; None means midpoints of the centres.

    Raises InputError on unequal shapes and on wavelengths that are not finite, positive and increasing.
    """

    row: int
    wavelength: FloatArray
    flux: FloatArray
    uncertainty: FloatArray
    mask: BoolArray
    blaze: FloatArray | None = None
    echelle_order: int | None = None
    stored_edges: FloatArray | None = field(default=None, repr=False)
    sky: FloatArray | None = field(default=None, repr=False)
    sky_uncertainty: FloatArray | None = field(default=None, repr=False)
    noise_length: FloatArray | None = field(default=None, repr=False)
    detector_pixel: float | None = None

    def __post_init__(self) -> None:
        for name in (*_ARRAYS, "stored_edges"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, np.array(getattr(self, name), dtype=np.float64))
        self._check_shapes()
        self._check_wavelength()
        usable = np.isfinite(self.flux) & np.isfinite(self.uncertainty) & (self.uncertainty > 0)
        object.__setattr__(self, "mask", np.array(self.mask, dtype=bool) | ~usable)

    def _check_shapes(self) -> None:
        if self.wavelength.ndim != 1 or self.wavelength.size < 2:
            raise InputError(
                f"{self.label} has too few pixels",
                value=f"shape {self.wavelength.shape}",
                expected="(n,), n >= 2",
                fix="give at least two pixels",
            )
        n = self.wavelength.size
        wanted = {**dict.fromkeys((*_ARRAYS, "mask"), n), "stored_edges": n + 1}
        for name, size in wanted.items():
            array = getattr(self, name)
            if array is not None and np.shape(array) != (size,):
                raise InputError(
                    f"{self.label}: {name} has the wrong shape",
                    value=str(np.shape(array)),
                    expected=f"({size},), as wavelength has {n} pixels",
                    fix="give every array one value for each pixel",
                )

    def _check_wavelength(self) -> None:
        wrong = np.flatnonzero(~np.isfinite(self.wavelength) | ~(self.wavelength > 0))
        if wrong.size:
            raise InputError(
                f"{self.label}: a wavelength is not a positive number",
                value=f"{self.wavelength[wrong[0]]} at pixel {wrong[0]}",
                expected="finite, positive wavelengths at every pixel",
                fix="give every pixel its wavelength, and mask the bad ones by flux, uncertainty or mask",
            )
        steps = np.flatnonzero(np.diff(self.wavelength) <= 0)
        if steps.size:
            i = int(steps[0]) + 1
            raise InputError(
                f"{self.label}: wavelengths are not increasing",
                value=f"{self.wavelength[i]:.6f} A at pixel {i}, after {self.wavelength[i - 1]:.6f} A",
                expected="strictly increasing wavelengths",
                fix="sort the table by wavelength, or give overlapping orders an order column",
            )
        if self.wavelength[-1] > _LONGEST:
            raise InputError(
                f"{self.label}: these are no wavelengths of light",
                value=f"{self.wavelength[0]:.6g} to {self.wavelength[-1]:.6g} A",
                expected=f"at most {_LONGEST:g} A",
                fix="check the unit (--wavelength-unit) and the wavelength keywords of the header",
            )
        self._refuse_chasm()

    def _refuse_chasm(self) -> None:
        """Raise InputError for a step that is both > 50 median steps and > 1 % of the wavelength."""
        steps = np.diff(self.wavelength)
        many, share = _WIDEST_STEP
        wide = np.flatnonzero((steps > many * np.median(steps)) & (steps > share * self.wavelength[:-1]))
        if wide.size:
            i = int(wide[0]) + 1
            raise InputError(
                f"{self.label}: mixed units, or several chips in one order",
                value=f"{self.wavelength[i]:.6g} A at pixel {i}, after {self.wavelength[i - 1]:.6g} A",
                expected=f"steps below {share:.0%} of the wavelength or {many:g} median steps",
                fix="give one unit to all rows (--wavelength-unit names it), and chips an order column",
            )

    def __len__(self) -> int:
        return int(self.wavelength.size)

    @property
    def label(self) -> str:
        """How messages and plots call this order, e.g. 'order 5'."""
        return f"order {self.row}"

    @property
    def n_good(self) -> int:
        """Number of pixels that are used."""
        return int(np.count_nonzero(~self.mask))

    def edges(self) -> FloatArray:
        """(n+1,) pixel edges [Angstrom]: midpoints of adjacent centres, of all pixels, masked or not."""
        return pixel_edges(self.wavelength) if self.stored_edges is None else self.stored_edges

    def bounds(self) -> FloatArray:
        """(n, 2) lower and upper edge [Angstrom] of what each pixel averages.

        They are `edges`, but see `pixel_bounds` at gaps, and `detector_bounds` where the order was resampled.
        """
        if self.detector_pixel is not None:
            return detector_bounds(self.wavelength, self.detector_pixel)
        return pixel_bounds(self.wavelength, self.edges())

    def mask_reasons(self) -> dict[str, int]:
        """Number of pixels masked for each reason; each masked pixel counts once."""
        bad_flux = ~np.isfinite(self.flux)
        bad_error = ~bad_flux & ~(np.isfinite(self.uncertainty) & (self.uncertainty > 0))
        counts = {
            "non-finite flux": bad_flux,
            "non-finite or non-positive uncertainty": bad_error,
            "a flag in the input": self.mask & ~bad_flux & ~bad_error,
        }
        return {reason: int(np.count_nonzero(at)) for reason, at in counts.items() if at.any()}

    def crop(self, low: float, high: float) -> Order | None:
        """The pixels with centres in [low, high] Angstrom and the edges they had; None for under two."""
        start = np.searchsorted(self.wavelength, low, side="left")
        stop = np.searchsorted(self.wavelength, high, side="right")
        return None if stop - start < 2 else self._pixels(slice(int(start), int(stop)))

    def _pixels(self, keep: slice) -> Order:
        arrays = {name: array[keep] for name in _ARRAYS if (array := getattr(self, name)) is not None}
        edges = self.edges()[keep.start : keep.stop + 1]
        return replace(self, **arrays, mask=self.mask[keep], stored_edges=edges)

    def require_usable(self, path: str | Path | None = None) -> None:
        """Raise InputError if fewer than 50 pixels, or less than 20 % of the order, can be used.

        So it does for an uncertainty below a millionth of the flux, with which no fit can be solved.
        """
        self._require_credible_errors(path)
        needed = max(MINIMUM_GOOD_PIXELS, int(np.ceil(MINIMUM_GOOD_FRACTION * len(self))))
        if self.n_good >= needed:
            return
        why = masking_reasons([self])
        raise InputError(
            f"{self.label} has too few good pixels",
            path=path,
            value=f"{self.n_good} good of {len(self)} pixels" + (f" (masked: {why})" if why else ""),
            expected=f"at least {MINIMUM_GOOD_PIXELS} good pixels and {MINIMUM_GOOD_FRACTION:.0%} of the "
            f"order, that is {needed}",
            fix="choose another order with --order, or a wider --wavelength range",
        )

    def _require_credible_errors(self, path: str | Path | None) -> None:
        good = np.flatnonzero(~self.mask)
        snr = np.abs(self.flux[good]) / self.uncertainty[good]
        if snr.size and snr.max() > LARGEST_SNR:
            i = good[int(np.argmax(snr))]
            raise InputError(
                f"{self.label}: an uncertainty is too small beside the flux",
                path=path,
                value=f"flux {self.flux[i]:.6g} with uncertainty {self.uncertainty[i]:.3g} at pixel {i}",
                expected=f"a signal-to-noise ratio up to {LARGEST_SNR:g}",
                fix="give one standard deviation in the unit of the flux, or mask the pixel",
            )

    def summary(self) -> dict[str, Any]:
        """One row of `blase info`: plain numbers and strings."""
        good = ~self.mask
        snr = np.median(self.flux[good] / self.uncertainty[good]) if good.any() else float("nan")
        return {
            "row": self.row,
            "echelle_order": self.echelle_order,
            "wavelength_min": float(self.wavelength[0]),
            "wavelength_max": float(self.wavelength[-1]),
            "n_pixels": len(self),
            "n_masked": len(self) - self.n_good,
            "masked_because": self.mask_reasons(),
            "median_snr": float(snr),
            "sampling_km_s": float(SPEED_OF_LIGHT * np.median(np.diff(np.log(self.wavelength)))),
            "blaze_known": self.blaze is not None,
            "sky_known": self.sky is not None,
            "noise_length": 1.0 if self.noise_length is None else float(np.median(self.noise_length)),
            "detector_pixel_km_s": self.detector_pixel,
        }


def masking_reasons(orders: Iterable[Order]) -> str:
    """Why pixels of these orders are masked, as 'COUNT with REASON, ...'."""
    total: dict[str, int] = {}
    for order in orders:
        for reason, count in order.mask_reasons().items():
            total[reason] = total.get(reason, 0) + count
    return ", ".join(f"{count} with {reason}" for reason, count in total.items())
