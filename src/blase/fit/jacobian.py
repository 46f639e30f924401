"""Jacobian of the standard forward model: sparse columns of the lines, dense columns of everything else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csc_matrix, csr_matrix, diags, hstack, vstack
from torch import Tensor
from torch.func import functional_call, jvp

from blase.constants import SPEED_OF_LIGHT
from blase.fit.line_columns import (
    LINE_PARAMETERS,
    LineColumns,
    OrderSpectra,
    order_line_columns,
    order_spectra,
    window_half_width,
)
from blase.fit.objective import Data
from blase.fit.parameters import ParameterSpace
from blase.model.forward import OrderModel, SpectrumModel
from blase.model.lines import VoigtLines

BROAD = 80.0
"""Lines whose window reaches farther than this [km/s] join the dense columns; the band stays narrow."""

_SHARED = {
    "star.radial_velocity": ("star", 0),
    "atmosphere.wind_velocity": ("atmosphere", 0),
    **{
        f"{prefix}.lines.{kind}_scale": (prefix, k)
        for prefix in ("star", "atmosphere")
        for k, kind in enumerate(LINE_PARAMETERS)
        if kind != "centre_shift"
    },
}
"""Parameters that move all lines of one absorber alike, and the parameter of one line that they change."""


@dataclass(frozen=True)
class Jacobian:
    """d(model / sigma) / dz: `local` (n_pixels, n_local) sparse, `dense` (n_pixels, n_dense).

    `local_index` and `dense_index` say which entries of z the columns belong to; local columns run in order
    of wavelength. The few very broad lines count as dense.
    """

    local: csr_matrix
    dense: np.ndarray
    local_index: np.ndarray
    dense_index: np.ndarray

    def along(self, step: np.ndarray) -> np.ndarray:
        """Change of model / sigma (n_pixels,) for a change `step` of z, to first order."""
        return np.asarray(self.local @ step[self.local_index] + self.dense @ step[self.dense_index])


@dataclass(frozen=True)
class _LineBlock:
    """Columns of the free line parameters: derivatives, entries of z, wavelengths, which lines are broad."""

    columns: csc_matrix
    entries: np.ndarray
    position: np.ndarray
    broad: np.ndarray


def _absorber(model: SpectrumModel, prefix: str) -> tuple[VoigtLines, Tensor]:
    if prefix == "star":
        assert model.star is not None
        return model.star.lines, model.star.radial_velocity
    assert model.atmosphere is not None
    return model.atmosphere.lines, model.atmosphere.wind_velocity


def _line_block(
    model: SpectrumModel, space: ParameterSpace, prefix: str, pieces: list[LineColumns], index: list[Tensor]
) -> _LineBlock:
    """All orders of one absorber; a line seen in two orders is one set of columns."""
    lines, velocity = _absorber(model, prefix)
    count = len(lines)
    columns = np.full((count, 4), -1, dtype=np.int64)
    for k, kind in enumerate(LINE_PARAMETERS):
        where = space.slices.get(f"{prefix}.lines.{kind}")
        if where is not None:
            columns[:, k] = np.arange(where.start, where.stop)
    free = columns.reshape(-1) >= 0
    seen = {k: v.detach().numpy() for k, v in lines.observed(velocity, torch.arange(count)).items()}
    half = window_half_width(seen["strength"], seen["sigma"], seen["gamma"])
    broad = half / seen["centre"] * SPEED_OF_LIGHT > BROAD
    scattered = [_scatter(piece.columns, at, count) for piece, at in zip(pieces, index, strict=True)]
    return _LineBlock(
        vstack(scattered, format="csc")[:, free],
        columns.reshape(-1)[free],
        np.repeat(seen["centre"], 4)[free],
        np.repeat(broad, 4)[free],
    )


def _scatter(piece: csr_matrix, index: Tensor, count: int) -> csr_matrix:
    """Spread the columns of the lines `index` over the columns of all `count` lines."""
    if index.numel() == count:
        return piece
    columns = (4 * index.numpy()[:, None] + np.arange(4)).reshape(-1)
    entries = piece.tocoo()
    return csr_matrix((entries.data, (entries.row, columns[entries.col])), shape=(piece.shape[0], 4 * count))


def _named(named: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in named.items() if name.startswith(prefix)}


def _optics(
    model: SpectrumModel, order: OrderModel, spectra: OrderSpectra
) -> Callable[[dict[str, Tensor]], Tensor]:
    """Flux of one order as a function of everything but its lines, whose spectra are given."""

    def flux(named: dict[str, Tensor]) -> Tensor:
        rotated = spectra.rotated
        if model.star is not None:
            rotated = model.star.rotate(spectra.intrinsic, order.step, **_named(named, "star."))
        light = rotated * spectra.transmission
        if model.line_spread is not None:
            light = functional_call(model.line_spread, _named(named, "line_spread."), (light, order.step))
        return order.scale() * order.detect(light, None)

    return flux


def _optics_columns(
    model: SpectrumModel, order: OrderModel, spectra: OrderSpectra, names: list[str]
) -> dict[str, np.ndarray]:
    """Columns (n_pixels,) of scalar parameters of rotation and line spread, by forward-mode autodiff."""
    if not names:
        return {}
    flux, known = _optics(model, order, spectra), dict(model.named_parameters())
    out = {}
    for name in names:
        value = known[name].detach()
        out[name] = (
            jvp(lambda v, n=name: flux({n: v}), (value,), (torch.ones_like(value),))[1].detach().numpy()
        )
    return out


def _continuum_columns(model: SpectrumModel, order: OrderModel, spectra: OrderSpectra) -> np.ndarray:
    """Columns (n_pixels, degree + 1) of an order's own continuum, in which the model is linear."""
    assert order.continuum is not None
    with torch.no_grad():
        seen = order.detect(spectra.rotated * spectra.transmission, model.line_spread)
        seen = seen if order.blaze is None else seen * order.blaze
        return (seen[:, None] * order.continuum.basis).numpy()


def _dense_block(
    model: SpectrumModel,
    space: ParameterSpace,
    spectra: list[OrderSpectra],
    answers: list[dict[str, LineColumns]],
    rows: list[int],
) -> tuple[np.ndarray, np.ndarray]:
    """Columns of all parameters that are not of single lines, and their entries of z."""
    names = [n for n in space.slices if n.rsplit(".", 1)[1] not in LINE_PARAMETERS]
    continua = [n for n in names if n.startswith("orders.")]
    optics = [n for n in names if n not in _SHARED and n not in continua]
    entries = np.concatenate(
        [np.arange(space.slices[n].start, space.slices[n].stop) for n in names] or [np.zeros(0, int)]
    )
    place = {int(e): k for k, e in enumerate(entries)}
    columns, top = np.zeros((sum(rows), entries.size)), 0
    for number, (order, light, answer, height) in enumerate(
        zip(model.orders, spectra, answers, rows, strict=True)
    ):
        here = columns[top : top + height]
        for name in names:
            if name in _SHARED:
                prefix, kind = _SHARED[name]
                here[:, place[space.slices[name].start]] = answer[prefix].together[:, kind]
        for name, column in _optics_columns(model, order, light, optics).items():
            here[:, place[space.slices[name].start]] = column
        own = space.slices.get(f"orders.{number}.continuum.coefficients")
        if own is not None:
            here[:, place[own.start] : place[own.start] + own.stop - own.start] = _continuum_columns(
                model, order, light
            )
        top += height
    return columns, entries


def _widths(space: ParameterSpace) -> np.ndarray:
    widths = np.empty(space.size)
    for name, prior in space.priors.items():
        widths[space.slices[name]] = prior.width.reshape(-1).numpy()
    return widths


def jacobian(model: SpectrumModel, data: Data, space: ParameterSpace) -> Jacobian:
    """Jacobian of `model` / sigma at its current parameters, rows of unused pixels zero."""
    spectra = [order_spectra(model, order) for order in model.orders]
    answers = [order_line_columns(model, o, light) for o, light in zip(model.orders, spectra, strict=True)]
    rows = [next(iter(answer.values())).columns.shape[0] for answer in answers]
    others, other_entries = _dense_block(model, space, spectra, answers, rows)
    blocks = [
        _line_block(
            model, space, prefix, [a[prefix] for a in answers], [getattr(o, kind) for o in model.orders]
        )
        for prefix, kind in (("star", "stellar"), ("atmosphere", "telluric"))
        if prefix in answers[0]
    ]
    entries = np.concatenate([b.entries for b in blocks])
    position, is_broad = (
        np.concatenate([b.position for b in blocks]),
        np.concatenate([b.broad for b in blocks]),
    )
    widths = _widths(space)
    used = data.used.numpy()
    weight = used / np.where(used, data.sigma.numpy(), 1.0)
    scaled = (diags(weight) @ hstack([b.columns for b in blocks]) @ diags(widths[entries])).tocsc()
    narrow, broad = np.flatnonzero(~is_broad), np.flatnonzero(is_broad)
    narrow = narrow[np.argsort(position[narrow], kind="stable")]
    return Jacobian(
        scaled[:, narrow].tocsr(),
        np.hstack([scaled[:, broad].toarray(), weight[:, None] * others * widths[other_entries]]),
        entries[narrow],
        np.concatenate([entries[broad], other_entries]),
    )
