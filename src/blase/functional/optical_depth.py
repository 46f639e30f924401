"""Optical depth of a set of Voigt lines, as one torch operator with interchangeable back ends.

`"torch"` is the brute-force sum of `blase.functional.voigt`: any device, any order of derivative. `"numba"`
is the fused CPU path with windows and the ladder of wings of `blase.functional.wings`: first derivatives in
reverse and in forward mode.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from blase.errors import InputError
from blase.functional import optical_depth_numba as kernels
from blase.functional.parallel import map_all, shares
from blase.functional.voigt import optical_depth_reference
from blase.functional.wings import SOFTENING, WingLevel, wing_levels

DEFAULT_TOLERANCE = 3e-8
"""Optical depth one line may lose at its window's edge; the sum over all lines stays below 1e-5 in flux."""
_WING_AMPLITUDE = 5e-3
"""Largest peak of a softened wing that a level may carry first (the interpolation error is 1.4e-5 of it)."""
STRIDE_LOSS = 0.25
"""Factor by which the tolerance tightens from level to level, since wider windows overlap more lines."""


@dataclass(frozen=True)
class Sampling:
    """Wavelengths (n,) at which optical depths are wanted, and the ladder of coarse grids below them."""

    wavelength: Tensor
    levels: tuple[WingLevel, ...]

    @property
    def array(self) -> np.ndarray:
        """The wavelengths as an array, shape (n,)."""
        return self.wavelength.detach().cpu().numpy()


def sampling(wavelength: Tensor) -> Sampling:
    """Prepare increasing `wavelength` (n,) [Angstrom] for `optical_depth`; done once per grid.

    Raises
    ------
    InputError
        if the wavelengths are not finite, positive and strictly increasing.
    """
    array = wavelength.detach().cpu().numpy().astype(np.float64)
    if array.ndim != 1 or array.size < 2 or not np.all(np.isfinite(array)) or array[0] <= 0:
        raise InputError("wavelengths must be a finite, positive, one-dimensional array", value=array.shape)
    if not np.all(np.diff(array) > 0):
        first = int(np.argmin(np.diff(array) > 0))
        raise InputError("wavelengths do not increase", value=f"sample {first + 1}: {array[first + 1]}")
    return Sampling(wavelength.detach(), wing_levels(array))


@dataclass(frozen=True)
class _Windows:
    """Per line: softening of its first wing level and half-widths of its windows, near and at every level."""

    soft: np.ndarray
    near: np.ndarray
    narrow: list[np.ndarray]
    wide: list[np.ndarray]
    half: list[np.ndarray]


def near_half_width(
    a: np.ndarray, s: np.ndarray, g: np.ndarray, *, soft: np.ndarray | float, tolerance: float
) -> np.ndarray:
    """Distance [Angstrom] beyond which A |V - L_soft| is below `tolerance`, shape (m,).

    The wing difference is A gamma (b^2 + 3 sigma^2 + ...)/(pi x^4); the Gaussian core ends where it meets the
    tolerance.
    """
    wing = (a * g * (soft**2 + 3 * s**2 + g**2) / (np.pi * tolerance)) ** 0.25
    core = s * np.sqrt(2 * np.log(np.maximum(a / (s * np.sqrt(2 * np.pi) * tolerance), 1.0)))
    return np.maximum(np.maximum(wing, core), 4 * (s + g))


def _windows(levels: tuple[WingLevel, ...], lines: tuple[np.ndarray, ...], tolerance: float) -> _Windows:
    c, a, s, g = lines
    softenings = [SOFTENING * level.spacing * c for level in levels]
    first = np.full(c.size, len(levels) - 1)
    for k in range(len(levels) - 2, -1, -1):
        first[a * g / (np.pi * softenings[k] ** 2) <= _WING_AMPLITUDE] = k
    soft = (
        np.choose(first, softenings) if len(levels) < 32 else np.array(softenings)[first, np.arange(c.size)]
    )
    near = near_half_width(a, s, g, soft=soft, tolerance=tolerance)
    wide = [*softenings[1:], np.full(c.size, -1.0)]
    half = []
    for k in range(len(levels)):
        reach = (a * g * wide[k] ** 2 / (np.pi * tolerance * STRIDE_LOSS**k)) ** 0.25
        half.append(
            np.where(
                k >= first, np.inf if k == len(levels) - 1 else np.maximum(reach, 2 * softenings[k]), 0.0
            )
        )
    return _Windows(soft, near, softenings, wide, half)


_LINES_PER_THREAD = 300
"""Fewer lines than this are not worth waking another thread for."""

Lines = tuple[np.ndarray, ...]


def _share_out(lines: Lines, work: Callable[[Lines], np.ndarray]) -> list[np.ndarray]:
    """Results of `work` on shares of the lines, in their order; `lines` are arrays (m,) of equal length."""
    parts = shares(lines[0].size, _LINES_PER_THREAD)
    return map_all(work, [tuple(array[part] for array in lines) for part in parts])


def _down_the_ladder(
    grid: Sampling, level_sum: Callable[[int, np.ndarray], np.ndarray], out: np.ndarray
) -> np.ndarray:
    """Add to `out` (n,) what `level_sum(k, wavelengths)` gives on every coarse grid, coarsest first."""
    coarse = None
    for k in range(len(grid.levels) - 1, -1, -1):
        here = level_sum(k, np.exp(grid.levels[k].log_wavelength))
        if coarse is not None:
            kernels.interpolate(coarse, grid.levels[k + 1].index, grid.levels[k + 1].weight, here)
        coarse = here
    kernels.interpolate(coarse, grid.levels[0].index, grid.levels[0].weight, out)
    return out


def _numba_value(grid: Sampling, lines: Lines, tolerance: float) -> np.ndarray:
    def work(share: Lines) -> np.ndarray:
        c, a, s, g = share
        w = _windows(grid.levels, share, tolerance)
        out = kernels.near_value(grid.array, c, a, s, g, w.soft, w.near)
        return _down_the_ladder(
            grid, lambda k, nodes: kernels.wing_value(nodes, c, a, g, w.narrow[k], w.wide[k], w.half[k]), out
        )

    return np.asarray(sum(_share_out(lines, work)))


def _numba_tangents(grid: Sampling, lines: Lines, tangents: Lines, tolerance: float) -> np.ndarray:
    """Derivatives (n, 4) along `tangents` and by the logarithms of all strengths, sigmas and gammas."""

    def work(share: Lines) -> np.ndarray:
        c, a, s, g, dc, da, ds, dg = share
        w = _windows(grid.levels, share[:4], tolerance)
        out = kernels.near_tangents(grid.array, c, a, s, g, w.soft, w.near, dc, da, ds, dg)

        def wings(along: Lines) -> np.ndarray:
            return _down_the_ladder(
                grid,
                lambda k, nodes: kernels.wing_tangent(
                    nodes, c, a, g, w.narrow[k], w.wide[k], w.half[k], *along
                ),
                np.zeros(grid.array.size),
            )

        none = np.zeros_like(c)
        strength = wings((none, a, none))  # a wing is A gamma / (pi x^2): gamma changes it as strength does
        out[0] += wings((dc, da, dg))
        out[1] += strength
        out[3] += strength
        return out

    return np.ascontiguousarray(np.asarray(sum(_share_out((*lines, *tangents), work))).T)


def _numba_adjoint(grid: Sampling, lines: Lines, bar: np.ndarray, tolerance: float) -> np.ndarray:
    """Gradient (4, m) over the parameters of all lines of sum_i bar_i tau_i."""
    bars = [bar]
    for level in grid.levels:
        bars.append(
            kernels.interpolate_adjoint(bars[-1], level.index, level.weight, level.log_wavelength.size)
        )

    def work(share: Lines) -> np.ndarray:
        c, a, s, g = share
        w = _windows(grid.levels, share, tolerance)
        out = kernels.near_adjoint(grid.array, c, a, s, g, w.soft, w.near, bar)
        for k, level in enumerate(grid.levels):
            nodes = np.exp(level.log_wavelength)
            out[[0, 1, 3]] += kernels.wing_adjoint(
                nodes, c, a, g, w.narrow[k], w.wide[k], w.half[k], bars[k + 1]
            )
        return np.asarray(out)

    return np.concatenate(_share_out(lines, work), axis=1)


def _array(tensor: Tensor) -> np.ndarray:
    return np.ascontiguousarray(tensor.detach().cpu().numpy())


class _Operator(torch.autograd.Function):
    """A leaf operator on plain arrays; its inputs reach `forward` free of any transform of torch.func."""

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.set_materialize_grads(False)


class _Tangent(_Operator):
    """Jacobian-vector product of the compiled optical depth."""

    @staticmethod
    def forward(grid: Sampling, tolerance: float, *tensors: Tensor) -> Tensor:
        arrays = tuple(_array(t) for t in tensors)
        return torch.from_numpy(_numba_tangents(grid, arrays[:4], arrays[4:], tolerance)[:, 0].copy())


class _Adjoint(_Operator):
    """Vector-Jacobian product of the compiled optical depth, shape (4, n_lines)."""

    @staticmethod
    def forward(grid: Sampling, tolerance: float, *tensors: Tensor) -> Tensor:
        arrays = tuple(_array(t) for t in tensors)
        return torch.from_numpy(_numba_adjoint(grid, arrays[:4], arrays[4], tolerance))


class _NumbaOpticalDepth(torch.autograd.Function):
    """The compiled path as a torch operator: value, vector-Jacobian and Jacobian-vector product."""

    @staticmethod
    def forward(
        centre: Tensor, strength: Tensor, sigma: Tensor, gamma: Tensor, grid: Sampling, tolerance: float
    ) -> Tensor:
        lines = tuple(_array(p) for p in (centre, strength, sigma, gamma))
        return torch.from_numpy(_numba_value(grid, lines, tolerance))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[:4])
        ctx.save_for_forward(*inputs[:4])
        ctx.grid, ctx.tolerance = inputs[4:]

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, bar: Tensor) -> tuple[Tensor | None, ...]:
        return (*_Adjoint.apply(ctx.grid, ctx.tolerance, *ctx.saved_tensors, bar), None, None)

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor | None) -> Tensor:
        lines = ctx.saved_tensors
        along = [torch.zeros_like(p) if t is None else t for p, t in zip(lines, tangents, strict=False)]
        return _Tangent.apply(ctx.grid, ctx.tolerance, *lines, *along)


def _numba_backend(grid: Sampling, parameters: tuple[Tensor, ...], tolerance: float) -> Tensor:
    if parameters[0].numel() == 0:
        return torch.zeros_like(grid.wavelength) + sum(p.sum() for p in parameters)
    return _NumbaOpticalDepth.apply(*parameters, grid, tolerance)


def _torch_backend(grid: Sampling, parameters: tuple[Tensor, ...], tolerance: float) -> Tensor:
    c, a, s, g = parameters
    return optical_depth_reference(grid.wavelength, centre=c, strength=a, sigma=s, gamma=g)


BACKENDS: dict[str, Callable[[Sampling, tuple[Tensor, ...], float], Tensor]] = {
    "torch": _torch_backend,
    "numba": _numba_backend,
}


def optical_depth(
    grid: Sampling,
    *,
    centre: Tensor,
    strength: Tensor,
    sigma: Tensor,
    gamma: Tensor,
    tolerance: float = DEFAULT_TOLERANCE,
    backend: str | None = None,
) -> Tensor:
    """tau(l) = sum_j A_j V(l - l_j; sigma_j, gamma_j) on the samples of `grid`, shape (n,).

    Parameters
    ----------
    centre, strength, sigma, gamma : (n_lines,) float64 [Angstrom]; strength is the integrated optical depth,
        sigma a standard deviation, gamma a half width at half maximum. Lines may lie outside the grid.
    tolerance : optical depth one line may lose at a window's edge (compiled back end only).
    backend : `"torch"`, `"numba"`, or None for the compiled one on a CPU and torch elsewhere.

    Raises
    ------
    InputError
        for an unknown back end, and for the compiled one where the tensors are not on a CPU.
    """
    device = grid.wavelength.device.type
    name = backend or ("numba" if device == "cpu" else "torch")
    if name not in BACKENDS:
        raise InputError("unknown optical-depth back end", value=name, expected=f"one of {sorted(BACKENDS)}")
    if name == "numba" and device != "cpu":
        raise InputError("the compiled back end needs a CPU", value=device, fix="leave backend=... away")
    return BACKENDS[name](grid, (centre, strength, sigma, gamma), tolerance)


def optical_depth_tangents(
    grid: Sampling,
    lines: dict[str, Tensor],
    along: dict[str, Tensor],
    *,
    tolerance: float = DEFAULT_TOLERANCE,
) -> np.ndarray:
    """Four directional derivatives (n, 4) of `optical_depth` at `lines`, in one pass.

    For changes `along` of all parameters, and for a common change of the logarithms of all strengths, of all
    sigmas and of all gammas. `lines` and `along` hold `centre`, `strength`, `sigma` and `gamma`, each
    (n_lines,) [Angstrom].
    """
    names = ("centre", "strength", "sigma", "gamma")
    arrays, tangents = ([_array(part[n]) for n in names] for part in (lines, along))
    if not arrays[0].size:
        return np.zeros((grid.array.size, 4))
    return _numba_tangents(grid, tuple(arrays), tuple(tangents), tolerance)
