"""Arrays as compact text for a web page: base64 of small integers, halves or doubles.

The page decodes them in `page/arrays.js`; both sides are little-endian.
"""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

MISSING = 65535
"""The level that stands for a missing number."""


def levels(values: ArrayLike, *, trusted: NDArray[np.bool_] | None = None) -> dict[str, Any]:
    """`values` (n,) as 16-bit levels between their extremes, an error below 1e-5 of their range.

    Where `trusted` (n,) says which values are sound, the others are clipped to three times the range of
    those, so that one wild pixel does not coarsen all others. Numbers that are not finite become `MISSING`.
    """
    array = np.asarray(values, dtype=np.float64)
    finite = np.isfinite(array)
    sound = array[finite if trusted is None or not (finite & trusted).any() else finite & trusted]
    low, high = (float(sound.min()), float(sound.max())) if sound.size else (0.0, 0.0)
    if sound.size < finite.sum():
        low, high = low - (high - low), high + (high - low)
        low, high = max(low, float(array[finite].min())), min(high, float(array[finite].max()))
    step = (high - low) / (MISSING - 1) or 1.0
    filled = np.clip(np.where(finite, array, low), low, high)
    level = np.where(finite, np.round((filled - low) / step), MISSING).astype("<u2")
    return {"kind": "levels", "low": low, "step": step, "data": _text(level)}


def ramp(values: ArrayLike) -> dict[str, Any]:
    """Nearly linear `values` (n,), such as wavelengths along an order: a straight line and levels beside it.

    The error is below 1e-5 of the largest distance from the line through the ends, so that 16 bits give a
    wavelength to 1e-4 Angstrom where a pixel is 0.05. All values must be finite.
    """
    array = np.asarray(values, dtype=np.float64)
    first, last = (float(array[0]), float(array[-1])) if array.size else (0.0, 0.0)
    beside = levels(array - np.linspace(first, last, array.size))
    return {**beside, "kind": "ramp", "first": first, "last": last}


def halves(values: ArrayLike) -> dict[str, Any]:
    """`values` (n,) as 16-bit floats: three significant figures between 6e-5 and 65504 in size."""
    array = np.clip(np.asarray(values, dtype=np.float64), -65504, 65504)
    return {"kind": "halves", "data": _text(array.astype("<f2"))}


def singles(values: ArrayLike) -> dict[str, Any]:
    """`values` (n,) as 32-bit floats: seven significant figures."""
    return {"kind": "singles", "data": _text(np.asarray(values, dtype="<f4"))}


def doubles(values: ArrayLike) -> dict[str, Any]:
    """`values` (n,) with all their digits."""
    return {"kind": "doubles", "data": _text(np.asarray(values, dtype="<f8"))}


def flags(values: ArrayLike) -> dict[str, Any]:
    """Booleans or small codes (n,), one byte each."""
    return {"kind": "flags", "data": _text(np.asarray(values, dtype=np.uint8))}


def _text(array: NDArray[Any]) -> str:
    return base64.b64encode(array.tobytes()).decode("ascii")
