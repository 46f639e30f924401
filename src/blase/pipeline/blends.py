"""Lines that the data cannot tell apart: what they absorb together is known, what each does is not.

Two lines nearer than a resolution element belong to one blend where the data alone, all other parameters
marginalised, would correlate their strengths by less than -`LIMIT`: the sum is then known at least six times
better than the difference. With C (2, 2) their posterior covariance in units of the prior widths, M = C^-1 -
1 is what the data tell, and that correlation is -M_12 / sqrt(M_11 M_22); a line of which they tell less than
its prior does (M < 1) belongs to no blend. Blends are what such pairs connect. The equivalent width of a
blend is that of all its lines together, saturation included; its error has the covariances of all of their
parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.integrate import trapezoid
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.special import voigt_profile

from blase.constants import SPEED_OF_LIGHT
from blase.fit.covariance import Covariance
from blase.fit.data_space import DataSpace
from blase.fit.jacobian import jacobian
from blase.fit.line_columns import LINE_PARAMETERS
from blase.pipeline.solve import Solved

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

LIMIT = 0.95
"""Correlation of two strengths, by the data alone, beyond which they are not told apart."""
_MOST = 128
"""Lines whose covariances are computed together."""
_STEP = 1e-4
_AROUND = np.sinh(np.linspace(-7.0, 7.0, 281))
"""Where a line is sampled, in its own widths: out to five hundred of them."""


@dataclass(frozen=True)
class Blend:
    """One blend: `members` (k,) of one absorber, their joint equivalent width and its error [Angstrom]."""

    prefix: str
    members: IntArray
    equivalent_width: float
    error: float


def unresolved_blends(solved: Solved) -> list[Blend]:
    """Blends of the star and of the atmosphere, each by itself, in order of wavelength."""
    system = DataSpace(jacobian(solved.model, solved.objective.data, solved.normal_space))
    known = Covariance(system)
    out = []
    for prefix, part in (("star", solved.model.star), ("atmosphere", solved.model.atmosphere)):
        where = solved.normal_space.slices.get(f"{prefix}.lines.log_strength")
        if part is None or where is None or not len(part.lines):
            continue
        with torch.no_grad():
            rest = part.lines.observed(0.0, torch.arange(len(part.lines)))
        lines = np.stack([rest[name].numpy() for name in ("centre", "strength", "sigma", "gamma")])
        for members in _groups(solved, known, where, lines[0]):
            out.append(_blend(solved, known, prefix, members, lines[:, members]))
    return out


def _groups(solved: Solved, known: Covariance, where: slice, centre: FloatArray) -> list[IntArray]:
    """Members of every blend of lines at `centre` (n,), whose strengths are the entries `where`."""
    spread = solved.model.line_spread
    assert spread is not None
    element = centre / float(torch.exp(spread.log_resolving_power.detach()))
    order = np.argsort(centre)
    first, second = [], []
    for begin in range(0, order.size, _MOST // 2):
        some = np.sort(order[begin : begin + _MOST])
        covariance = known(where.start + some, where.start + some)
        near = np.abs(centre[some][:, None] - centre[some]) < element[some]
        i, j = np.nonzero(np.triu(near, k=1))
        together = _inseparable(covariance, i, j)
        first.append(some[i[together]])
        second.append(some[j[together]])
    pairs = np.concatenate(first), np.concatenate(second)
    graph = coo_array((np.ones(pairs[0].size), pairs), shape=(centre.size, centre.size))
    label = connected_components(graph, directed=False)[1]
    groups = [np.flatnonzero(label == k) for k in np.unique(label[pairs[0]])]
    return sorted(groups, key=lambda members: float(centre[members[0]]))


def _inseparable(covariance: FloatArray, i: IntArray, j: IntArray) -> NDArray[np.bool_]:
    """Which of the pairs i, j (n_pairs,) the data alone cannot separate, by their whitened `covariance`."""
    pairs = np.stack([[covariance[i, i], covariance[i, j]], [covariance[j, i], covariance[j, j]]])
    told = np.linalg.inv(np.moveaxis(pairs, -1, 0)) - np.eye(2)
    a, b = np.maximum(told[:, 0, 0], 1e-12), np.maximum(told[:, 1, 1], 1e-12)
    return np.asarray((np.minimum(a, b) > 1) & (told[:, 0, 1] > LIMIT * np.sqrt(a * b)))


def _blend(solved: Solved, known: Covariance, prefix: str, members: IntArray, lines: FloatArray) -> Blend:
    """The blend of the `members` (k,), whose centre, strength, sigma and gamma [Angstrom] are `lines` (4,
    k).
    """
    space = solved.normal_space
    entries, slopes = [], []
    for row, kind in enumerate(LINE_PARAMETERS):
        each = np.array([_slope(lines, row, [k]) for k in range(members.size)])
        of_lines = space.slices.get(f"{prefix}.lines.{kind}")
        if of_lines is not None:
            width = space.priors[f"{prefix}.lines.{kind}"].width.reshape(-1).numpy()[members]
            entries.append(of_lines.start + members)
            slopes.append(each * width)
        shared = space.slices.get(f"{prefix}.lines.{kind}_scale")
        if shared is not None:
            entries.append(np.array([shared.start]))
            slopes.append(np.array([each.sum() * float(space.priors[f"{prefix}.lines.{kind}_scale"].width)]))
    entry, slope = np.concatenate(entries), np.concatenate(slopes)
    variance = float(slope @ known(entry, entry) @ slope)
    return Blend(prefix, members, joint_equivalent_width(lines), float(np.sqrt(max(variance, 0.0))))


def _slope(lines: FloatArray, row: int, which: list[int]) -> float:
    """Derivative of the joint equivalent width by the shift [km/s], or the logarithm, of some lines."""

    def width(step: float) -> float:
        moved = lines.copy()
        moved[row, which] *= 1 + step / SPEED_OF_LIGHT if row == 0 else np.exp(step)
        return joint_equivalent_width(moved)

    step = 0.05 if row == 0 else _STEP
    return (width(step) - width(-step)) / (2 * step)


def joint_equivalent_width(lines: FloatArray) -> float:
    """Integral [Angstrom] of 1 - exp(-tau) of all lines together; rows centre, strength, sigma, gamma (4,
    k).
    """
    centre, strength, sigma, gamma = lines
    at = np.unique((centre[:, None] + (sigma + gamma)[:, None] * _AROUND).ravel())
    tau = (strength * voigt_profile(at[:, None] - centre, sigma, gamma)).sum(axis=1)
    return float(trapezoid(-np.expm1(-tau), at))


def blend_numbers(blends: list[Blend], prefix: str, count: int) -> IntArray:
    """Number of the blend of every one of `count` lines, from 1; 0 for those that are told apart."""
    out = np.zeros(count, dtype=np.int64)
    for number, blend in enumerate(blends, 1):
        if blend.prefix == prefix:
            out[blend.members] = number
    return out


def described(blends: list[Blend], table: Any) -> list[dict[str, Any]]:
    """`blends` of `summary.json`; `table` is that of the lines, with their identities and blends."""
    out = []
    for number, blend in enumerate(blends, 1):
        own = table[np.asarray(table["blend"]) == number]
        width = {"value": blend.equivalent_width, "error": blend.error, "unit": "Angstrom"}
        identities = [str(name) for name in own["line_id"]]
        centre = float(np.average(own["centre"].value, weights=own["strength"].value))
        out.append({"blend": number, "lines": identities, "centre": centre, "equivalent_width": width})
    return out
