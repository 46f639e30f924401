"""Equivalent widths as a Gaussian fit would find them, to compare with tables that were measured so.

Programs that measure equivalent widths (ARES, DAOSPEC, splot) fit Gaussians to the cores of lines. A line has
wings that a Gaussian has not: of its damping, and of whatever else broadens the core less than the feet. The
Gaussian therefore finds less than the integral of 1 - S over the whole line. Here every line of a fit, alone
and without noise, is broadened as the star and the spectrograph broaden it, and the Gaussian that fits it
best (least squares) within one full width at half maximum of its centre is integrated.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from astropy.table import QTable
from numpy.typing import NDArray
from scipy.special import voigt_profile

from blase.constants import SPEED_OF_LIGHT
from blase.containers.line_list import FLOOR_COLUMNS
from blase.functional.convolution import apply_transfer
from blase.functional.core_floor import effective_depth
from blase.functional.grid import angular_frequency
from blase.functional.line_spread import line_spread_transfer
from blase.functional.macroturbulence import macroturbulence_transfer
from blase.functional.rotation import rotation_transfer
from blase.results.diagnostics import column
from blase.results.result import FitResult

FloatArray = NDArray[np.float64]

_SAMPLES = 4096
_STEPS_PER_WIDTH = 8.0
"""Samples in the narrowest scale of a line: its own, or that of the spectrograph."""
_BATCH = 64
_ITERATIONS = 12
_WEAKEST = 1e-12  # depth of a core that is fitted


def gaussian_widths(result: FitResult) -> FloatArray:
    """Equivalent width (n_lines,) [Angstrom] of the Gaussian that fits the core of each line, alone.

    Two parameters, depth and width: the centre is that of the line, and a skewed line spread is taken as
    Gaussian. NaN where a line has no strength, or is broader than some hundred of its own widths.
    """
    lines, out = result.lines, np.full(len(result.lines), np.nan)
    strength = column(lines, "strength")
    known = np.flatnonzero(np.isfinite(strength) & (strength > 0))
    breadth = (column(lines, "sigma") + column(lines, "gamma"))[known]
    for rows in np.array_split(known[np.argsort(breadth)], max(1, known.size // _BATCH)):
        if rows.size:
            out[rows] = _widths(lines, rows, result.summary)
    return out


def _widths(lines: QTable, rows: NDArray[np.intp], summary: dict[str, Any]) -> FloatArray:
    """Widths of lines of similar breadth, each on a grid of velocities of its own."""
    strength, sigma, gamma, centre = (
        column(lines, name)[rows] for name in ("strength", "sigma", "gamma", "centre")
    )
    per_velocity = centre / SPEED_OF_LIGHT
    resolving_power = _value(summary, "resolving_power")
    spread = SPEED_OF_LIGHT / resolving_power / 2.35 if resolving_power else np.inf
    step = min(float(np.min(sigma + gamma)), spread) / _STEPS_PER_WIDTH
    velocity = np.asarray((np.arange(_SAMPLES) - _SAMPLES // 2) * step, dtype=np.float64)
    depth = (strength / per_velocity)[:, None] * voigt_profile(velocity, sigma[:, None], gamma[:, None])
    depth = _floored(depth, lines, rows)
    absorbed = torch.from_numpy(-np.expm1(-depth))
    stellar = np.asarray(lines["origin"])[rows] == "stellar"
    seen = np.empty_like(depth)
    for some, rotates in ((stellar, True), (~stellar, False)):
        if some.any():
            transfer = _transfer(step, summary, resolving_power, rotates=rotates)
            seen[some] = apply_transfer(absorbed[torch.from_numpy(some)], transfer).numpy()
    return np.asarray(_gaussian_area(velocity, seen) * per_velocity)


def _floored(depth: FloatArray, lines: QTable, rows: NDArray[np.intp]) -> FloatArray:
    """Effective optical depths: those of lines with floors made shallower."""
    floors = {name: column(lines, name)[rows] for name in FLOOR_COLUMNS}
    some = np.isfinite(list(floors.values())).all(axis=0)
    if some.any():
        levels = {name: torch.from_numpy(level[some][:, None]) for name, level in floors.items()}
        depth[some] = effective_depth(torch.from_numpy(depth[some]), **levels).numpy()
    return depth


def _transfer(step: float, summary: dict[str, Any], resolving_power: float, *, rotates: bool) -> torch.Tensor:
    """What the star (where the line `rotates`) and the spectrograph do to a line."""
    k = angular_frequency(_SAMPLES, step)
    transfer = torch.ones_like(k)
    if resolving_power:
        transfer = transfer * line_spread_transfer(k, resolving_power=resolving_power)
    if not rotates:
        return transfer
    transfer = transfer * rotation_transfer(
        k,
        vsini_squared=_value(summary, "vsini") ** 2,
        limb_darkening=_value(summary, "limb_darkening"),
    )
    streams = _value(summary, "macroturbulence")
    return transfer * macroturbulence_transfer(k, macroturbulence_squared=streams**2)


def _value(summary: dict[str, Any], name: str) -> float:
    return float((summary.get(name) or {}).get("value") or 0.0)


def _gaussian_area(velocity: FloatArray, seen: FloatArray) -> FloatArray:
    """Area (n,) of the Gaussians a exp(-v^2 / 2 s^2) nearest to `seen` (n, samples) within a full width.

    Gauss-Newton in a and ln s from the depth and width of the line.
    """
    middle = velocity.size // 2
    peak = seen[:, middle]
    half = np.argmax(seen[:, middle:] < 0.5 * peak[:, None], axis=1).clip(min=1)  # [samples]
    window = np.abs(np.arange(velocity.size) - middle) <= 2 * half[:, None]
    shown = (peak > _WEAKEST) & (4 * half < middle)
    depth, spread = peak.copy(), half * (velocity[1] - velocity[0]) / np.sqrt(2 * np.log(2))
    for _ in range(_ITERATIONS):
        shape = np.exp(-0.5 * (velocity / spread[:, None]) ** 2) * window
        residual = (seen - depth[:, None] * shape) * window
        wider = depth[:, None] * shape * (velocity / spread[:, None]) ** 2
        aa, ab, bb = (shape**2).sum(1), (shape * wider).sum(1), (wider**2).sum(1)
        ra, rb = (shape * residual).sum(1), (wider * residual).sum(1)
        with np.errstate(divide="ignore", invalid="ignore"):
            determinant = aa * bb - ab**2
            depth = depth + (bb * ra - ab * rb) / determinant
            spread = spread * np.exp(np.clip((aa * rb - ab * ra) / determinant, -0.5, 0.5))
    return np.where(shown, depth * spread * np.sqrt(2 * np.pi), np.nan)
