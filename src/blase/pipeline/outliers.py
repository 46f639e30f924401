"""Pixels that no model of the spectrum explains: cosmic rays, bad sky lines, hot pixels.

Beyond `THRESHOLD` standard deviations, the noise inflation of the order included, the error of a pixel is
enlarged by (r / threshold)^2, so that the farther off it is the less it pulls (a redescending M-estimator;
Huber & Ronchetti 2009, Robust Statistics, section 4.8). Everything closer keeps its full weight: with normal
errors one pixel in two million is touched.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from blase.pipeline.prepare import Pixels

FloatArray = NDArray[np.float64]

THRESHOLD = 5.0


def enlargement(deviations: FloatArray) -> FloatArray:
    """Factors (n,), at least 1, of the errors of pixels that are off by `deviations` (n,) in their units."""
    return np.maximum(1.0, (deviations / THRESHOLD) ** 2)


def weights(factors: FloatArray) -> FloatArray:
    """Weights (n,), 1 where nothing was changed, of pixels with the enlargement `factors` (n,)."""
    return factors**-2.0


def outlier_table(pixels: list[Pixels], factors: FloatArray) -> list[dict[str, Any]]:
    """Every pixel whose error was enlarged by `factors` (n_pixels,), the one with the least weight first.

    `order` and `pixel` are counted from 0; `wavelength` is in vacuum Angstrom, in the frame of the data.
    """
    weight, found, start = weights(factors), [], 0
    for order in pixels:
        here = weight[start : start + order.used.numel()]
        start += order.used.numel()
        for pixel in np.flatnonzero((here < 1) & order.used.numpy()):
            place = {"order": order.row, "pixel": int(pixel), "wavelength": float(order.wavelength[pixel])}
            found.append(place | {"weight": float(here[pixel])})
    return sorted(found, key=lambda entry: entry["weight"])


def outlier_notes(table: list[dict[str, Any]]) -> list[str]:
    """What to say of the pixels in `table`: nothing, or one sentence."""
    if not table:
        return []
    worst = table[0]
    return [
        f"{len(table)} pixels more than {THRESHOLD:g} standard deviations off were given less weight, "
        f"least of all that at {worst['wavelength']:.2f} Angstrom (order {worst['order']}, pixel "
        f"{worst['pixel']}); all are in summary.json under `outliers`"
    ]
