"""What lies between the optical depth of an absorber and the pixels of one order, linearised.

A change of optical depth at grid sample g changes pixel p by path[p, g]: detector and line spread, times the
light of the other absorber, times rotation (for the star), times minus the transmitted light.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from blase.fit.line_response import apply_rows, convolve_rows, scale_rows
from blase.functional.line_spread import line_spread_profile, velocity_sigma
from blase.functional.macroturbulence import macroturbulence_stencil
from blase.functional.rotation import rotation_stencil
from blase.model.forward import OrderModel, SpectrumModel
from blase.model.star import Star

REACH = 4.5
"""Standard deviations at which the line spread is cut in the curvature."""


@dataclass(frozen=True)
class OrderSpectra:
    """Spectra of one order on its grid, each (n,), computed once for all columns of a Jacobian."""

    intrinsic: Tensor
    rotated: Tensor
    transmission: Tensor


@torch.no_grad()
def order_spectra(model: SpectrumModel, order: OrderModel, tangents: dict[str, np.ndarray]) -> OrderSpectra:
    """Unrotated star, rotated star and transmission; ones where the model has none.

    `tangents` may hold the `shared_tangents` of the star and of the atmosphere: the derivative by the
    logarithm of all strengths is the optical depth itself, but for lines with floors.
    """
    ones = torch.ones_like(order.grid.wavelength)
    intrinsic = transmission = ones
    if "star" in tangents and model.star is not None and model.star.lines.floors is None:
        intrinsic = torch.exp(-torch.from_numpy(tangents["star"][:, 1]))
    elif model.star is not None:
        intrinsic = model.star.intrinsic(order.grid, order.stellar)
    if "atmosphere" in tangents and model.atmosphere is not None and model.atmosphere.lines.floors is None:
        transmission = torch.exp(-torch.from_numpy(tangents["atmosphere"][:, 1]))
    elif model.atmosphere is not None:
        transmission = model.atmosphere(order.grid, order.telluric)
    rotated = ones if model.star is None else model.star.rotate(intrinsic, order.step)
    return OrderSpectra(intrinsic, rotated, transmission)


@dataclass(frozen=True)
class LightPath:
    """Pixel p reads samples start[p] ... of the grid with the weights rows[p], (n_pixels, taps)."""

    start: np.ndarray
    rows: np.ndarray

    @property
    def taps(self) -> int:
        """Number of samples that a pixel reads."""
        return int(self.rows.shape[1])

    def increasing(self) -> LightPath:
        """The same path with `start` that never decreases, as displaced pixels finer than the grid may do."""
        start = np.minimum.accumulate(self.start[::-1])[::-1]
        late = self.start - start
        if not late.any():
            return self
        rows = np.zeros((start.size, self.taps + int(late.max())))
        np.put_along_axis(rows, late[:, None] + np.arange(self.taps), self.rows, axis=1)
        return LightPath(start, rows)

    def broadened(self, kernel: np.ndarray) -> LightPath:
        """The path behind a convolution with `kernel` (2 m + 1,), given at offsets of pixel less source."""
        return LightPath(self.start - kernel.size // 2, convolve_rows(self.rows, kernel[::-1].copy()))

    def times(self, factor: np.ndarray) -> LightPath:
        """The path behind a multiplication with `factor` (n_grid,)."""
        rows = self.rows.copy()
        scale_rows(rows, self.start, factor)
        return LightPath(self.start, rows)

    def apply(self, change: np.ndarray) -> np.ndarray:
        """Answer (n_pixels, k) to a `change` (n_grid, k) of optical depth."""
        return np.asarray(apply_rows(self.rows, self.start, np.ascontiguousarray(change)))


@torch.no_grad()
def detector_path(model: SpectrumModel, order: OrderModel) -> LightPath:
    """Pixels, line spread, continuum and blaze of one order."""
    pixels = order.true_pixels()
    if pixels is None:
        n = order.wavelength.numel()
        path = LightPath(np.arange(n), np.ones((n, 1)))
    else:
        path = LightPath(pixels.index[:, 0].numpy(), pixels.weight.numpy()).increasing()
    if model.line_spread is not None:
        spread = model.line_spread
        own = order.log_resolving_power_departure
        resolving_power = float(torch.exp(spread.log_resolving_power + own))
        half = int(np.ceil(REACH * velocity_sigma(resolving_power) / order.step))
        velocity = torch.arange(-half, half + 1, dtype=torch.float64) * order.step
        kernel = line_spread_profile(velocity, resolving_power=resolving_power, h3=spread.h3, h4=spread.h4)
        path = path.broadened((kernel / kernel.sum()).numpy())
    scale = order.scale()
    rows = path.rows * scale.numpy()[:, None] if isinstance(scale, Tensor) else path.rows
    return LightPath(path.start, rows)


@torch.no_grad()
def stellar_kernel(star: Star, step: float) -> np.ndarray:
    """Weights (2 m + 1,), at offsets -m .. m on a grid of `step` [km/s], that make a star's light its
    broadened one.
    """
    if not star.rotates:
        return np.ones(1)
    vsini = float(star.vsini_squared.clamp(min=0)) ** 0.5
    rotation = rotation_stencil(step, vsini=vsini, limb_darkening=float(star.limb_darkening))
    if star.macroturbulence_squared is None:
        return rotation
    streams = float(star.macroturbulence_squared.clamp(min=0)) ** 0.5
    return np.convolve(rotation, macroturbulence_stencil(step, macroturbulence=streams))


@torch.no_grad()
def stellar_path(
    detector: LightPath, model: SpectrumModel, order: OrderModel, spectra: OrderSpectra
) -> LightPath:
    """From the optical depth of the star at rest in its own frame to the pixels."""
    star = model.star
    assert star is not None
    path = detector.times(spectra.transmission.numpy()) if model.atmosphere is not None else detector
    if star.rotates:
        path = path.broadened(stellar_kernel(star, order.step))
    return path.times(-spectra.intrinsic.numpy())


@torch.no_grad()
def telluric_path(detector: LightPath, spectra: OrderSpectra) -> LightPath:
    """From the optical depth of the atmosphere to the pixels."""
    return detector.times(-(spectra.rotated * spectra.transmission).numpy())
