"""A fit linearised about its solution: from it comes the covariance of any numbers of the fit.

With z the free parameters in units of their prior widths, J the derivative of model / sigma by z, and g the
slope by z of a number that is reported, the covariance of two of these is g_1 (J^T J + 1)^-1 g_2. J is kept
as the short columns that it has, so that the file is small and nothing is ever inverted as a whole.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from scipy.sparse import csr_array

from blase.errors import InputError
from blase.fit.covariance import Covariance
from blase.fit.data_space import DataSpace
from blase.fit.jacobian import Jacobian, Tile
from blase.fit.line_blocks import FloatArray, IntArray, LineBlocks

COVARIANCE = "covariance.safetensors"
"""Name of the file in the directory of a fit."""
_OF_JACOBIAN = ("rank", "borders", "dense_index", "shared")
_OF_LINES = ("first", "length", "offset", "values", "entry")
_OF_TILE = ("rank", "columns", "place")


@dataclass(frozen=True)
class LinearisedFit:
    """Numbers of a fit by `names` (n,) with their `units` (n,), linear in z by `slopes` (n, size).

    `derivative` is J. Numbers of a line are called LINE_ID.COLUMN, as in S00012.strength; those of an order
    end in its row and, of several, in their place, as in continuum.3.0.
    """

    derivative: Jacobian
    names: tuple[str, ...]
    units: tuple[str, ...]
    slopes: csr_array

    def covariance(self, rows: IntArray) -> FloatArray:
        """Covariance (k, k) of the numbers at the places `rows` (k,), in their units."""
        some = self.slopes[rows]
        entries = np.unique(some.indices)
        known = Covariance(DataSpace(self.derivative))
        slopes = some[:, entries].toarray()
        return np.asarray(slopes @ known(entries, entries) @ slopes.T)

    def write(self, path: Path) -> None:
        """Write everything as safetensors."""
        arrays = {name: getattr(self.derivative, name) for name in _OF_JACOBIAN}
        arrays |= {f"lines.{name}": getattr(self.derivative.lines, name) for name in _OF_LINES}
        for k, tile in enumerate(self.derivative.tiles):
            arrays |= {f"tiles.{k}.{name}": getattr(tile, name) for name in _OF_TILE}
        arrays |= {f"slopes.{name}": getattr(self.slopes, name) for name in ("data", "indices", "indptr")}
        known = {
            "names": json.dumps(self.names),
            "units": json.dumps(self.units),
            "size": str(self.derivative.size),
        }
        path.write_bytes(save({k: np.ascontiguousarray(v) for k, v in arrays.items()}, metadata=known))

    @classmethod
    def read(cls, path: Path) -> LinearisedFit:
        """What `write` wrote. Raises `InputError` where the file is damaged."""
        try:
            with safe_open(path, framework="numpy") as file:
                known = file.metadata()
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return _assembled(arrays, known)
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise InputError(
                "the linearised fit cannot be read",
                path=path,
                value=f"{type(error).__name__}: {error}".splitlines()[0],
                expected="the file as blase fit wrote it",
                fix="fit again with --overwrite, or remove it and go without covariances",
            ) from error


def _assembled(arrays: dict[str, np.ndarray], known: dict[str, str]) -> LinearisedFit:
    names, size = tuple(json.loads(known["names"])), int(known["size"])
    count = len({name.split(".")[1] for name in arrays if name.startswith("tiles.")})
    derivative = Jacobian(
        size=size,
        lines=LineBlocks(**{name: arrays[f"lines.{name}"] for name in _OF_LINES}),
        tiles=[Tile(**{name: arrays[f"tiles.{k}.{name}"] for name in _OF_TILE}) for k in range(count)],
        **{name: arrays[name] for name in _OF_JACOBIAN},
    )
    parts = tuple(arrays[f"slopes.{name}"] for name in ("data", "indices", "indptr"))
    slopes = csr_array(parts, shape=(len(names), size))
    return LinearisedFit(derivative, names, tuple(json.loads(known["units"])), slopes)
