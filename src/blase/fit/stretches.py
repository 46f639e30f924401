"""Pieces of the spectrum that are damped, accepted and refused one by one.

One stubborn blend must not slow the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LINES_PER_STRETCH = 30


@dataclass(frozen=True)
class Stretches:
    """Which stretch every pixel and every parameter belongs to.

    `pixel` (n_pixels,) holds 0 .. count - 1; `parameter` (size,) likewise, or `count` for what all stretches
    share.
    """

    pixel: np.ndarray
    parameter: np.ndarray
    count: int

    @classmethod
    def single(cls, n_pixels: int, size: int) -> Stretches:
        """The whole spectrum as one stretch."""
        return cls(np.zeros(n_pixels, dtype=np.int64), np.zeros(size, dtype=np.int64), 1)

    @classmethod
    def by_wavelength(cls, pixel: np.ndarray, parameter: np.ndarray) -> Stretches:
        """Stretches of some thirty lines each.

        `pixel` (n_pixels,) are the wavelengths of the pixels, `parameter` (size,) those of the lines that the
        parameters belong to, NaN for shared ones.
        """
        centres = np.unique(parameter[np.isfinite(parameter)])
        right = centres[LINES_PER_STRETCH::LINES_PER_STRETCH]
        left = centres[LINES_PER_STRETCH - 1 :: LINES_PER_STRETCH][: right.size]
        borders = 0.5 * (left + right)
        count = borders.size + 1
        shared = ~np.isfinite(parameter)
        label = np.where(shared, count, np.searchsorted(borders, np.where(shared, 0.0, parameter)))
        return cls(np.searchsorted(borders, pixel), label, count)

    def share(self, residuals: np.ndarray, penalty: np.ndarray) -> np.ndarray:
        """The objective of every stretch and, last, of the shared priors, (count + 1,).

        `residuals` (n_pixels,); `penalty` (size,) of every parameter, as `ParameterSpace.penalty`.
        """
        pixels = np.bincount(self.pixel, 0.5 * residuals**2, minlength=self.count + 1)
        return pixels + np.bincount(self.parameter, penalty, minlength=self.count + 1)
