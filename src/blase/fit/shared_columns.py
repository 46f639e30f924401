"""Columns that one order has of what is not of single lines: velocities, scales, optics, and its own.

Parameters that move all lines of an absorber alike follow the path of its light; those of rotation and line
spread come from autodiff, for one order at a time.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from blase.fit.absorbers import absorbers
from blase.fit.light_path import OrderSpectra
from blase.fit.line_blocks import FloatArray, IntArray
from blase.fit.line_columns import LINE_PARAMETERS, shared_tangents
from blase.fit.order_columns import RESOLVING_POWER, departure_name, own_columns
from blase.fit.parameters import ParameterSpace
from blase.fit.views import View
from blase.model.core_floor import FLOOR_PARAMETERS
from blase.model.forward import OrderModel, SpectrumModel

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
"""Parameters that move all lines of one absorber alike, and the column of `shared_tangents` of each."""


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
        emission = None if order.airglow is None else order.airglow().detach()
        if model.line_spread is not None:
            own, freed = order.log_resolving_power_departure, _named(named, "line_spread.")
            light = model.line_spread(light, order.step, departure=own, **freed)
            if emission is not None:
                emission = model.line_spread(emission, order.step, departure=own, **freed)
        return order.scale() * order.detect(light, None) + order.sky(None, emission)

    return flux


def _optics_columns(
    model: SpectrumModel, order: OrderModel, spectra: OrderSpectra, names: list[str]
) -> dict[str, np.ndarray]:
    """Columns (n_pixels,) of scalar parameters of rotation and line spread.

    Exact, by differentiating a vector-Jacobian product along its vector: unlike torch's forward mode,
    this may run in several threads.
    """
    if not names:
        return {}
    known = dict(model.named_parameters())
    values = {name: known[name].detach().clone().requires_grad_(True) for name in names}
    with torch.enable_grad():
        flux = _optics(model, order, spectra)(values)
        along = torch.zeros_like(flux, requires_grad=True)
        products = torch.autograd.grad(flux, list(values.values()), along, create_graph=True)
        return {
            name: torch.autograd.grad(product, along, retain_graph=True)[0].numpy()
            for name, product in zip(names, products, strict=True)
        }


def shared_names(space: ParameterSpace) -> list[str]:
    """Free parameters that are neither of single lines nor of single orders."""
    single = (*LINE_PARAMETERS, *FLOOR_PARAMETERS)
    of_lines = (n for n in space.slices if n.rsplit(".", 1)[1] not in single)
    return [n for n in of_lines if not n.startswith("orders.")]


def _shared(model: SpectrumModel) -> dict[str, tuple[str, int]]:
    """`_SHARED` and the scales of species, of the absorbers that have them."""
    return _SHARED | {
        f"{a.prefix}.lines.species_scales.{name}": (a.prefix, len(LINE_PARAMETERS) + k)
        for a in absorbers(model)
        for k, name in enumerate(a.lines.species)
    }


def tangents_of(model: SpectrumModel, space: ParameterSpace, order: OrderModel) -> dict[str, FloatArray]:
    """Derivatives of the optical depth of every absorber of which something shared by all lines is free."""
    shared = _shared(model)
    moved = {shared[name][0] for name in space.slices if name in shared}
    return {
        a.prefix: shared_tangents(order.grid, a.lines, a.velocity, a.index(order))
        for a in absorbers(model)
        if a.prefix in moved
    }


def order_columns(
    model: SpectrumModel,
    space: ParameterSpace,
    number: int,
    spectra: OrderSpectra,
    seen: list[View],
    tangents: dict[str, FloatArray],
) -> tuple[FloatArray, IntArray]:
    """Columns (n_pixels, k) that one order has of the parameters not of single lines; their entries of z."""
    order = model.orders[number]
    names, shared = shared_names(space), _shared(model)
    departs = departure_name(number) in space.slices
    optics = [n for n in names if n not in shared]
    if departs and RESOLVING_POWER not in optics:
        optics.append(RESOLVING_POWER)
    found = _optics_columns(model, order, spectra, optics)
    for view in (view for view in seen if not view.absorber.floors):
        wanted = [n for n in names if n in shared and shared[n][0] == view.absorber.prefix]
        if wanted:
            answer = view.path.apply(tangents[view.absorber.prefix])
            found |= {n: answer[:, shared[n][1]] for n in wanted}
    by_name = {n: column[:, None] for n, column in found.items()}
    by_name |= own_columns(model, number, spectra, found[RESOLVING_POWER] if departs else None)
    free = [n for n in by_name if n in space.slices]
    columns = [by_name[n] for n in free]
    entries = [np.arange(space.slices[n].start, space.slices[n].stop) for n in free]
    if not columns:
        return np.zeros((seen[0].path.start.size, 0)), np.zeros(0, dtype=np.int64)
    return np.hstack(columns), np.concatenate(entries)
