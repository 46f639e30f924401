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
from blase.fit.line_columns import LINE_PARAMETERS
from blase.fit.pair_covariance import pair_covariance
from blase.model.lines import VoigtLines
from blase.pipeline.solve import Solved

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

LIMIT = 0.95
"""Correlation of two strengths, by the data alone, beyond which they are not told apart."""
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


def unresolved_blends(solved: Solved, system: DataSpace) -> list[Blend]:
    """Blends of the star and of the atmosphere, each by itself, in order of wavelength.

    `system` is the linearised model at the solution.
    """
    known, drafts = Covariance(system), []
    for prefix, part in (("star", solved.model.star), ("atmosphere", solved.model.atmosphere)):
        where = solved.normal_space.slices.get(f"{prefix}.lines.log_strength")
        if part is None or where is None or not len(part.lines):
            continue
        with torch.no_grad():
            rest = part.lines.observed(0.0, torch.arange(len(part.lines)))
        lines = np.stack([rest[name].numpy() for name in ("centre", "strength", "sigma", "gamma")])
        for members in _groups(solved, known, where, lines[0]):
            drafts.append(_draft(solved, part.lines, prefix, members, lines[:, members]))
    return _with_errors(known, drafts)


def _groups(solved: Solved, known: Covariance, where: slice, centre: FloatArray) -> list[IntArray]:
    """Members of every blend of lines at `centre` (n,), whose strengths are the entries `where`."""
    spread = solved.model.line_spread
    assert spread is not None
    order = np.argsort(centre)
    along = centre[order]
    element = along / float(torch.exp(spread.log_resolving_power.detach()))
    near = np.searchsorted(along, along + element) - np.arange(along.size) - 1
    first = np.repeat(np.arange(along.size), near)
    second = first + 1 + np.arange(near.sum()) - np.repeat(np.cumsum(near) - near, near)
    i, j = order[first], order[second]
    variance = solved.posterior.variance[where]
    together = _inseparable(
        variance[i], variance[j], pair_covariance(known, where.start + i, where.start + j)
    )
    pairs = i[together], j[together]
    graph = coo_array((np.ones(pairs[0].size), pairs), shape=(centre.size, centre.size))
    label = connected_components(graph, directed=False)[1]
    by_label = np.argsort(label, kind="stable")
    members = np.split(by_label, np.flatnonzero(np.diff(label[by_label])) + 1)
    return sorted((m for m in members if m.size > 1), key=lambda m: float(centre[m[0]]))


def _inseparable(first: FloatArray, second: FloatArray, between: FloatArray) -> NDArray[np.bool_]:
    """Which pairs (n,) the data alone cannot separate, by their whitened variances and covariance."""
    determinant = first * second - between**2
    told = second / determinant - 1, first / determinant - 1
    a, b = (np.maximum(t, 1e-12) for t in told)
    return np.asarray((np.minimum(a, b) > 1) & (-between / determinant > LIMIT * np.sqrt(a * b)))


@dataclass(frozen=True)
class _Draft:
    """A blend of `members` (k,) without its error: slopes of its width by the entries of z."""

    prefix: str
    members: IntArray
    equivalent_width: float
    entry: IntArray
    slope: FloatArray


def _shared_by(lines: VoigtLines, kind: str, members: IntArray) -> list[tuple[str, NDArray[np.bool_]]]:
    """Names in `lines` of the scales that a `kind` of parameter shares, and the `members` (k,) of each."""
    if kind != "log_strength":
        return [(f"{kind}_scale", np.ones(members.size, dtype=bool))]
    return [(name, np.isin(members, which.numpy())) for name, which in lines.strength_scales()]


def _draft(solved: Solved, module: VoigtLines, prefix: str, members: IntArray, lines: FloatArray) -> _Draft:
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
        for scale, some in _shared_by(module, kind, members):
            shared = space.slices.get(f"{prefix}.lines.{scale}")
            if shared is not None:
                entries.append(np.array([shared.start]))
                common = float(space.priors[f"{prefix}.lines.{scale}"].width)
                slopes.append(np.array([each[some].sum() * common]))
    joint = joint_equivalent_width(lines)
    return _Draft(prefix, members, joint, np.concatenate(entries), np.concatenate(slopes))


def _with_errors(known: Covariance, drafts: list[_Draft]) -> list[Blend]:
    """The blends of the `drafts`; their covariances are found together."""
    if not drafts:
        return []
    pairs = [np.triu_indices(draft.entry.size) for draft in drafts]
    entries = zip(drafts, pairs, strict=True)
    first, second = (
        np.concatenate(part)
        for part in zip(*((d.entry[i], d.entry[j]) for d, (i, j) in entries), strict=True)
    )
    found = np.split(pair_covariance(known, first, second), np.cumsum([i.size for i, _ in pairs])[:-1])
    out = []
    for draft, (i, j), covariance in zip(drafts, pairs, found, strict=True):
        twice = np.where(i == j, 1.0, 2.0)
        variance = float((twice * draft.slope[i] * draft.slope[j] * covariance).sum())
        out.append(Blend(draft.prefix, draft.members, draft.equivalent_width, max(variance, 0.0) ** 0.5))
    return out


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
