"""Light of every airglow line in the spectrum of a piece of sky: what shines, without a star."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from blase.atmosphere.airglow import DOPPLER_SIGMA, AirglowLines
from blase.constants import SPEED_OF_LIGHT
from blase.containers.spectrum import Order, pixel_bounds
from blase.functional.continuum import legendre_basis, normalised_coordinate
from blase.functional.grid import log_grid, velocity_step
from blase.functional.line_spread import line_spread_broadening
from blase.functional.optical_depth import sampling
from blase.functional.pixels import integrate_pixels, pixel_weights
from blase.model.airglow import Airglow

FloatArray = NDArray[np.float64]

_STEP = 0.25  # [km/s]
_OUTLIER = 6.0
_FAINT = 1e-3  # of its peak, below which a line is not there
_PASSES = 5
_LORENTZ = 1e-3  # [km/s]


@dataclass(frozen=True)
class Emission:
    """Light of a group of lines [unit of the flux times Angstrom] and its standard error, and its names."""

    names: tuple[str, ...]
    wavelength: float
    flux: float
    error: float

    @property
    def significance(self) -> float:
        """Light over its error."""
        return self.flux / self.error


def measure_airglow(
    order: Order, lines: AirglowLines, *, resolving_power: float, velocity: float = 0.0, degree: int = 5
) -> list[Emission]:
    """Light of every group of `lines` in one order, above a polynomial of `degree`.

    Lines are as narrow as the warmth of OH makes them, blurred to `resolving_power` and integrated over
    pixels; `velocity` [km/s] is that of the sky in the frame of the wavelengths. Pixels outside all lines
    that are farther off than six standard deviations, inflated to what the residuals show, are left out, and
    so are masked ones.
    """
    seen = lines.within(float(order.wavelength[0]), float(order.wavelength[-1]))
    if not len(seen):
        return []
    profiles = _profiles(order, seen, resolving_power, velocity)
    outside = (profiles < _FAINT * profiles.max(axis=1, keepdims=True)).all(axis=0)
    coordinate = normalised_coordinate(torch.from_numpy(order.wavelength))
    columns = np.concatenate([profiles, legendre_basis(coordinate, degree).numpy().T])
    used = ~order.mask & np.isfinite(order.flux) & (order.uncertainty > 0)
    inflation = 1.0
    for _ in range(_PASSES):
        design = (columns / order.uncertainty)[:, used]
        data = (order.flux / order.uncertainty)[used]
        scale = np.maximum(np.linalg.norm(design, axis=1), 1e-300)
        normal = (design / scale[:, None]) @ (design / scale[:, None]).T
        inverse = np.linalg.pinv(normal, hermitian=True)
        values = inverse @ (design @ data / scale) / scale
        residual = np.full(used.size, 0.0)
        residual[used] = data - values @ design
        inflation = max(1.0, 1.4826 * float(np.median(np.abs(residual[used]))))
        wrong = outside & (np.abs(residual) > _OUTLIER * inflation)
        if not (wrong & used).any():
            break
        used &= ~wrong
    error = inflation * np.sqrt(np.diag(inverse)) / scale
    return [_emission(seen, k, float(values[k]), float(error[k])) for k in range(len(profiles))]


def _profiles(order: Order, lines: AirglowLines, resolving_power: float, velocity: float) -> FloatArray:
    """Flux (n_groups, n_pixels) of every group of lines of unit light."""
    edges = order.edges()
    reach = 1 + 60.0 / SPEED_OF_LIGHT
    grid = sampling(log_grid(float(edges[0]) / reach, float(edges[-1]) * reach, step=_STEP))
    centre = torch.from_numpy(lines.centre * (1 + velocity / SPEED_OF_LIGHT))
    total = np.bincount(lines.group, lines.intensity)
    airglow = Airglow(
        grid,
        centre=centre,
        sigma=centre * (DOPPLER_SIGMA / SPEED_OF_LIGHT),
        gamma=centre * (_LORENTZ / SPEED_OF_LIGHT),
        share=torch.from_numpy(lines.intensity / total[lines.group]),
        group=torch.from_numpy(lines.group),
    )
    with torch.no_grad():
        blurred = line_spread_broadening(
            airglow.profiles(),
            step=velocity_step(grid.wavelength),
            resolving_power=torch.tensor(resolving_power, dtype=torch.float64),
        )
        pixels = pixel_weights(grid.wavelength, pixel_bounds(order.wavelength, edges))
        return np.asarray(integrate_pixels(blurred, pixels).numpy())


def _emission(lines: AirglowLines, group: int, flux: float, error: float) -> Emission:
    mine = lines.group == group
    names = tuple(name for name, chosen in zip(lines.names, mine, strict=True) if chosen)
    middle = float(np.average(lines.centre[mine], weights=lines.intensity[mine]))
    return Emission(names, middle, flux, error)
