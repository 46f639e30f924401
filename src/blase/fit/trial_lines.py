"""What the data say of lines that a model lacks, before any of them is fitted.

Linearise a fit about its solution: residuals r = K^-1 (data - prior mean), K = 1 + J J^T in units of the
errors, J the whitened Jacobian. A further line of strength a (in units of s) has a column g. With everything
else marginalised, ln L(a) = a b - a^2 q / 2 + const. with

    b = g . r,  q = g . K^-1 g:

a matched filter of the residuals, less the freedom that all other parameters have to do what the line would.
Under the half-normal prior of width 1 the Bayes factor of the line is exactly

    ln B = ln 2 - ln(1 + q) / 2 + b^2 / (2 (1 + q)) + ln Phi(b / sqrt(1 + q)).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.special import log_ndtr

from blase.fit.absorbers import Absorber
from blase.fit.arrow import Arrow
from blase.fit.band import inverse_in_band, reach_of_runs, solve_band
from blase.fit.data_space import DataSpace, Piece, line_projections, quadratic_forms
from blase.fit.light_path import detector_path, order_spectra, stellar_path
from blase.fit.line_assembly import line_blocks
from blase.fit.line_blocks import FloatArray, IntArray, LineBlocks
from blase.fit.line_columns import FINE_WINDOWS, line_slopes
from blase.fit.objective import Data
from blase.fit.views import View, pixel_order
from blase.functional.parallel import map_all
from blase.functional.reach import reaching
from blase.model.forward import SpectrumModel
from blase.model.lines import VoigtLines

STRENGTH = 1
"""Place of the strength among the parameters of a line."""


def log_bayes_factor(b: FloatArray, q: FloatArray) -> FloatArray:
    """ln of the evidence with a line over that without; slope `b` and information `q`, in units of s."""
    return np.asarray(np.log(2.0) - 0.5 * np.log1p(q) + b**2 / (2 * (1 + q)) + log_ndtr(b / np.sqrt(1 + q)))


def likely_strength(b: FloatArray, q: FloatArray) -> FloatArray:
    """Strength, in units of s, whose logarithm is most probable."""
    return np.asarray((b + np.sqrt(b**2 + 4 * (1 + q))) / (2 * (1 + q)))


@dataclass(frozen=True)
class Trial:
    """Columns of trial lines over pixels in order of wavelength, and what the data say of each, (n,)."""

    blocks: LineBlocks
    b: FloatArray
    q: FloatArray

    def beside_held(self) -> FloatArray:
        """What `q` would be if everything but the line were held, (n,)."""
        end = int((self.blocks.first + self.blocks.length).max(initial=0))
        return self.blocks.squared().adjoint(np.ones(end))[:, STRENGTH]

    def column(self, j: int) -> tuple[IntArray, FloatArray]:
        """Pixels, by their place in order of wavelength, that feel trial line `j`, and its column there."""
        n, at = self.blocks.length[j], self.blocks.offset[j] + STRENGTH * self.blocks.length[j]
        return self.blocks.first[j] + np.arange(n), self.blocks.values[at : at + n]


def trial_lines(
    model: SpectrumModel,
    data: Data,
    system: DataSpace,
    residuals: FloatArray,
    lines: VoigtLines,
) -> Trial:
    """What `data` say of every one of the `lines` of the star, each tried alone beside those of `model`.

    `system` is the linearised fit; `residuals` (n_pixels,) are (flux - model) / sigma in the order of the
    data. The strengths of `lines` are the widths s of their priors.
    """
    blocks = _columns(model, data, lines)
    sorted_residuals = np.empty_like(residuals)
    sorted_residuals[system.derivative.rank] = residuals
    slope = blocks.adjoint(sorted_residuals)[:, STRENGTH]
    return Trial(blocks, slope, _information(system, blocks))


@torch.no_grad()
def _columns(model: SpectrumModel, data: Data, lines: VoigtLines) -> LineBlocks:
    """Columns of the trial lines, by the strength in units of s (their own)."""
    assert model.star is not None
    absorber = Absorber("star", lines, model.star.radial_velocity, 0)
    rank, _, slices = pixel_order(list(model.orders))
    seen = {k: v.numpy() for k, v in lines.observed(absorber.velocity, torch.arange(len(lines))).items()}

    def view(order) -> list[View]:  # type: ignore[no-untyped-def]
        path = stellar_path(detector_path(model, order), model, order, order_spectra(model, order, {}))
        slopes = line_slopes(
            order.grid.array,
            lines,
            absorber.velocity,
            reaching(order.grid.array, **seen),
            windows=FINE_WINDOWS,
        )
        return [View.along(path, absorber, slopes)]

    entry = np.zeros((len(lines), 4), dtype=np.int64)
    views = map_all(view, list(model.orders))
    return line_blocks(views, entry, np.ones((len(lines), 4)), rank, slices, data.weight)


@dataclass(frozen=True)
class _Informed:
    """Of one piece: which trial lines are `inside` (k,), their `forms` (k,) within the band, their products
    `felt` (k, m) with the dense columns behind it, and those of the dense columns among themselves.
    """

    inside: IntArray
    forms: FloatArray
    felt: FloatArray
    gram: FloatArray


def _information(system: DataSpace, blocks: LineBlocks) -> FloatArray:
    """g . K^-1 g (n,) of every column g; zero of those at an edge that another order shares."""
    out = np.zeros(len(blocks))
    ones = np.ones(system.derivative.size)

    def inform(piece: Piece) -> _Informed:
        end = blocks.first + blocks.length
        inside = np.flatnonzero((blocks.first >= piece.low) & (end <= piece.high) & (blocks.length > 0))
        part = blocks.take(inside)
        wide = reach_of_runs(part.first - piece.low, part.length, piece.high - piece.low)
        piece = replace(piece, reach=np.maximum(piece.reach, wide))
        factor = piece.factor(ones)
        forms = quadratic_forms(
            inverse_in_band(factor, piece.reach), piece.low, part.first, part.length, part.offset, part.values
        )[:, STRENGTH, STRENGTH]
        coupled = solve_band(factor, piece.reach, piece.dense)
        felt = line_projections(part.first - piece.low, part.length, part.offset, part.values, coupled)
        return _Informed(inside, forms, felt[:, STRENGTH], piece.dense.T @ coupled)

    found = map_all(inform, system.pieces)
    places = [piece.place for piece in system.pieces]
    dense = Arrow(system.dense_index.size, places, [part.gram for part in found])
    for place, part in zip(places, found, strict=True):
        through = np.einsum("jm,mn,jn->j", part.felt, dense.inverse(place, place), part.felt)
        out[part.inside] = part.forms - through
    return out.clip(min=0.0)
