"""A ladder of ever coarser grids that carries line wings: no wing is cut, no cost grows with its reach.

Split every Voigt profile into a compact part and softened Lorentzians L_b(x) = (gamma/pi) / (x^2 + b^2):

    V = (V - L_b1) + (L_b1 - L_b2) + ... + (L_b(K-1) - L_bK) + L_bK

Each bracket falls as x^-4, so a short window holds it to tolerance, and each is smooth on the scale b_k, so
that a grid of spacing H_k = b_k / 8 holds it: the first bracket lives on the samples themselves, level k on a
grid uniform in ln(wavelength) with spacing H_k = 4^k times the sampling, the last one everywhere on a grid of
a few dozen points. Six-point Lagrange interpolation carries level k+1 to level k and level 1 to the samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

STRIDE = 4.0
"""Ratio of the spacings of neighbouring levels."""
SOFTENING = 8.0
"""b_k over H_k; six-point interpolation of L_b then errs by less than 1.4e-5 of its peak."""
STENCIL = 6
LAST_LEVEL_POINTS = 64


@dataclass(frozen=True)
class WingLevel:
    """One coarse grid and how to interpolate from it to the level below (or to the samples)."""

    log_wavelength: np.ndarray  # (n_k,) uniform
    spacing: float
    index: np.ndarray  # (n_below,) first of the six stencil points
    weight: np.ndarray  # (n_below, 6)


def _lagrange_weights(t: np.ndarray) -> np.ndarray:
    """Weights (n, 6) of the nodes 0..5 at the fractional positions `t` (n,)."""
    nodes = np.arange(STENCIL)
    differences = t[:, None] - nodes
    weights = np.empty((t.size, STENCIL))
    for k in nodes:
        others = nodes[nodes != k]
        weights[:, k] = np.prod(differences[:, others] / (k - others), axis=1)
    return weights


def _level(below: np.ndarray, spacing: float) -> WingLevel:
    start = below[0] - (STENCIL // 2) * spacing
    count = int(np.ceil((below[-1] - start) / spacing)) + STENCIL // 2 + 1
    grid = start + spacing * np.arange(count)
    position = (below - start) / spacing
    index = np.clip(np.floor(position).astype(np.int64) - (STENCIL // 2 - 1), 0, count - STENCIL)
    return WingLevel(grid, spacing, index, _lagrange_weights(position - index))


def wing_levels(wavelength: np.ndarray) -> tuple[WingLevel, ...]:
    """The ladder of grids over increasing `wavelength` (n,), finest first; at least one level."""
    below = np.log(wavelength)
    spacing = STRIDE * float(np.median(np.diff(below))) if below.size > 1 else 1e-5
    levels: list[WingLevel] = []
    while not levels or below.size > LAST_LEVEL_POINTS:
        levels.append(_level(below, spacing))
        below, spacing = levels[-1].log_wavelength, spacing * STRIDE
    return tuple(levels)
