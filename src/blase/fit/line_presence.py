"""How much the evidence of a fit owes to each of its lines.

Take one line out of a linearised fit. To first order in its strength A, with G = A dm/dA / sigma its effect
on the pixels, chi-square / 2 of the rest, which moves to make up for it, rises by

    r . G + G . K^-1 G / 2,   K = 1 + J J^T with the line's own columns left out of J.

Where the fit stands on its maximum, r . G = rho'(z) / width of the logarithm of A, and with C the posterior
covariance (4, 4) of the line's parameters in units of the local prior widths, G . K^-1 G = (C^-1 - 1) at the
strength, in units of its local width squared. The data alone would give it A (1 + r . G / G . K^-1 G), with
the error A / sqrt(G . K^-1 G). With the line less without it (Laplace's approximation, as in
`evidence`),

    ln B = r . G + G . K^-1 G / 2 - sum_k [rho(z_k) + ln N_k - ln(2 pi)/2 + ln(rho''_k)/2] + ln(det C) / 2.

A line that does much is not linear, but then it is needed anyway.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from blase.fit.data_space import Posterior
from blase.fit.line_assembly import line_entries
from blase.fit.line_blocks import FloatArray
from blase.fit.objective import Objective
from blase.fit.parameters import ParameterSpace
from blase.fit.trial_lines import STRENGTH

_HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)
_NOTHING = 1e-12
"""Information on the logarithm of a strength that rounding alone may make."""


@dataclass(frozen=True)
class Presence:
    """Of every line: `gain` (n_lines,) of ln(evidence) by it, infinite where it is not known (a very broad
    line or one with a floor, or one whose strength is held), and `significance` (n_lines,): the strength that
    the data alone would give it, in units of its error, infinite likewise. `occam` (n_lines,) is the part of
    the gain that is not a change of the objective: what its freedom costs, not known (NaN) where the gain is
    not.
    """

    gain: FloatArray
    occam: FloatArray
    significance: FloatArray


def line_presence(
    objective: Objective[Any],
    z: Tensor,
    local: ParameterSpace,
    posterior: Posterior,
    *,
    prefix: str,
    count: int,
) -> Presence:
    """Presence of the `count` lines of `prefix` at the solution `z` (size,).

    `local` is `ParameterSpace.gaussian_at` of the solution, `posterior` in its units.
    """
    gain, significance = np.full(count, np.inf), np.full(count, np.inf)
    occam = np.full(count, np.nan)
    where = objective.space.slices.get(f"{prefix}.lines.log_strength")
    if where is None:
        return Presence(gain, occam, significance)
    prior_width = line_entries(objective.space, prefix, count)[1][:, STRENGTH]
    local_width = line_entries(local, prefix, count)[1][:, STRENGTH]
    penalty, norm = objective.space.penalty(z).numpy(), _norms(objective, z)
    pull = (objective.space.weight(z) * z).numpy()
    of_strength = posterior.entry[:, STRENGTH]
    rows = np.flatnonzero((of_strength >= where.start) & (of_strength < where.stop))
    for row in rows:
        entry = posterior.entry[row]
        j, free = entry[STRENGTH] - where.start, np.flatnonzero(entry >= 0)
        own = np.linalg.inv(posterior.lines[row][np.ix_(free, free)])
        at = int(np.searchsorted(free, STRENGTH))
        linear = pull[entry[STRENGTH]] / prior_width[j]
        quadratic = max(own[at, at] - 1.0, 0.0) / local_width[j] ** 2
        occam[j] = -norm[entry[free]].sum() - 0.5 * np.linalg.slogdet(own)[1]
        gain[j] = linear + 0.5 * quadratic - penalty[entry[free]].sum() + occam[j]
        significance[j] = (quadratic + linear) / math.sqrt(quadratic) if quadratic > _NOTHING else 0.0
    return Presence(gain, occam, significance)


def _norms(objective: Objective[Any], z: Tensor) -> FloatArray:
    """What every entry of z (size,) costs beside its penalty: its norm and its curvature."""
    space = objective.space
    return (space.log_norm() - _HALF_LOG_TWO_PI + 0.5 * space.curvature(z).log()).numpy()
