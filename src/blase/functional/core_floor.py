"""The curve of growth of a strong line whose core does not reach zero.

Let the source function of an atmosphere rise inwards as a power of the optical depth t of the continuum, and
drop, or rise, exponentially near the surface: B(t) = a + b t^p / Gamma(1 + p) + d exp(-alpha t). A line of
opacity eta, in units of that of the continuum, lets the Laplace transform of B out at 1 + eta,

    S = a + b (1 + eta)^-p + d (1 + eta) / (1 + eta + alpha).

This is the approximation of Milne and Eddington (p = 1, d = 0; Mihalas 1978, Stellar Atmospheres, sec. 10-3)
with a term for what is near the surface (Dorantes-Monteagudo et al. 2021, arXiv:2112.14536) and a power for
sources that rise less than linearly. With S = 1 in the continuum,

    S = (1 - r_w) (1 + eta)^-p + (r_w K + r_c eta) / (K + eta),     K = 1 + alpha,

falls from the continuum towards the floor r_w of the wings, and where eta exceeds K to the floor r_c of the
core. eta = tau / c is proportional to the optical depth tau of the line, c = p (1 - r_w) + (r_w - r_c) / K,
so that 1 - S = tau where the line is weak: strengths keep their meaning. The parameter is kappa = K - 1/p,
positive, for which c > 0 whatever the floors.

With p = 1 and r_w = r_c this is Minnaert's formula (1935, Z. Astrophys. 10, 40), 1 - S = 1 / (1 / (1 - r_c) +
1 / tau). It is *not* exp(-tau) for any floor, not even for none, where S = 1 / (1 + tau): a floor is another
curve of growth, in the wings as in the core.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class _Curve(NamedTuple):
    eta: Tensor
    scale: Tensor  # c
    reach: Tensor  # K
    fall: Tensor  # p ln(1 + eta)
    far: Tensor  # (1 + eta)^-p
    light: Tensor  # S


def _scale(core_floor: Tensor, wing_floor: Tensor, reach: Tensor, wing_power: Tensor) -> Tensor:
    return wing_power * (1 - wing_floor) + (wing_floor - core_floor) / reach


def _curve(
    tau: Tensor, core_floor: Tensor, wing_floor: Tensor, core_opacity: Tensor, wing_power: Tensor
) -> _Curve:
    reach = core_opacity + 1 / wing_power
    scale = _scale(core_floor, wing_floor, reach, wing_power)
    eta = tau / scale
    fall = wing_power * torch.log1p(eta)
    far = torch.exp(-fall)
    light = (1 - wing_floor) * far + (wing_floor * reach + core_floor * eta) / (reach + eta)
    return _Curve(eta, scale, reach, fall, far, light)


def effective_depth(
    tau: Tensor, *, core_floor: Tensor, wing_floor: Tensor, core_opacity: Tensor, wing_power: Tensor
) -> Tensor:
    """tau_eff = -ln S of a line of optical depth `tau` >= 0: its part of the sum, S = exp(-sum).

    `core_floor` r_c and `wing_floor` r_w from 0 to below 1; `core_opacity` kappa >= 0, the opacity of the
    line, in units of that of the continuum, at which the wing's floor gives way to the core's; `wing_power`
    p > 0. Shapes broadcast. Differentiable to any order; relative error below 1e-13 from tau = 0, where
    tau_eff = tau, to any tau.
    """
    curve = _curve(tau, core_floor, wing_floor, core_opacity, wing_power)
    absorbed = -(1 - wing_floor) * torch.expm1(-curve.fall)
    absorbed = absorbed + (wing_floor - core_floor) * curve.eta / (curve.reach + curve.eta)
    weak = absorbed < 0.5
    safe = torch.where(weak, absorbed, torch.zeros_like(absorbed))  # log1p(-1) would spoil the gradient
    return torch.where(weak, -torch.log1p(-safe), -torch.log(curve.light))


def effective_depth_slopes(
    tau: Tensor, *, core_floor: Tensor, wing_floor: Tensor, core_opacity: Tensor, wing_power: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Derivatives of `effective_depth` by tau, logit r_c, logit r_w, ln kappa, ln p, of the common shape."""
    curve = _curve(tau, core_floor, wing_floor, core_opacity, wing_power)
    eta, reach, depth = curve.eta, curve.reach, curve.reach + curve.eta
    drop, p = wing_floor - core_floor, wing_power
    steep = p * (1 - wing_floor) * curve.far / (1 + eta) + drop * reach / depth**2  # -dS/d eta
    through = steep * eta / curve.scale  # dS/dc
    by_reach = drop * eta / depth**2 - through * drop / reach**2
    by_core = eta / depth - through / reach
    by_wing = reach / depth - curve.far + through * (1 / reach - p)
    by_power = (1 - wing_floor) * (through - curve.far * curve.fall / p) - by_reach / p**2
    return (
        steep / (curve.scale * curve.light),
        -by_core * core_floor * (1 - core_floor) / curve.light,
        -by_wing * wing_floor * (1 - wing_floor) / curve.light,
        -by_reach * core_opacity / curve.light,
        -by_power * p / curve.light,
    )


def departure(*, core_floor: Tensor, wing_floor: Tensor, core_opacity: Tensor, wing_power: Tensor) -> Tensor:
    """Bound of |tau_eff - tau| / tau^2 of a weak line: where the floor ends to matter."""
    reach = core_opacity + 1 / wing_power
    scale = _scale(core_floor, wing_floor, reach, wing_power)
    bend = 0.5 * wing_power * (1 + wing_power) * (1 - wing_floor)
    return 0.5 + (bend + (wing_floor - core_floor).abs() / reach**2) / scale**2
