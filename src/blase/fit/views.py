"""How the orders of a spectrum see the lines: the light's path to the detector, and the pixels it ends in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blase.fit.absorbers import Absorber, absorbers, with_floors
from blase.fit.light_path import LightPath, OrderSpectra, detector_path, stellar_path, telluric_path
from blase.fit.line_blocks import IntArray
from blase.fit.line_columns import LineSlopes
from blase.fit.line_response import pixel_runs
from blase.model.forward import OrderModel, SpectrumModel


@dataclass(frozen=True)
class View:
    """How one order sees one absorber: the path of its light, the lines' slopes, the pixels that see them."""

    absorber: Absorber
    path: LightPath
    slopes: LineSlopes
    run: IntArray
    run_end: IntArray

    @classmethod
    def along(cls, path: LightPath, absorber: Absorber, slopes: LineSlopes) -> View:
        """The view along the `path`, of lines with these `slopes`."""
        return cls(absorber, path, slopes, *pixel_runs(path.start, path.taps, slopes.lo, slopes.hi))


def order_views(model: SpectrumModel, order: OrderModel, spectra: OrderSpectra, windows: float) -> list[View]:
    """Views of all absorbers and of the floors of their lines, down to the optical depth `windows`."""
    detector = detector_path(model, order)
    paths: dict[str, LightPath] = {}
    out = []
    for absorber in with_floors(absorbers(model)):
        if absorber.floors:
            path = paths[absorber.prefix]
        elif absorber.prefix == "star":
            path = stellar_path(detector, model, order, spectra)
        else:
            path = telluric_path(detector, spectra)
        paths[absorber.prefix] = path
        out.append(View.along(path, absorber, absorber.slopes(order, windows)))
    return out


def pixel_order(orders: list[OrderModel]) -> tuple[IntArray, IntArray, list[slice]]:
    """Place by wavelength of all pixels, borders of groups of overlapping orders, pixels of every order."""
    position = []
    for order in orders:
        grid = order.grid.array
        if order.pixels is None:
            position.append(grid)
        else:
            middle = order.pixels.index[:, 0].numpy() + order.pixels.index.shape[1] // 2
            position.append(grid[np.minimum(middle, grid.size - 1)])
    ends = np.cumsum([p.size for p in position])
    slices = [slice(int(end) - p.size, int(end)) for end, p in zip(ends, position, strict=True)]
    sorting = np.argsort(np.concatenate(position), kind="stable")
    rank = np.empty(sorting.size, dtype=np.int64)
    rank[sorting] = np.arange(sorting.size)
    spans = np.array([(rank[s].min(), rank[s].max() + 1) for s in slices])
    borders = [b for b in np.unique(spans[:, 0])[1:] if not np.any((spans[:, 0] < b) & (spans[:, 1] > b))]
    return rank, np.array(borders, dtype=np.int64), slices
