"""The water continuum of the MT_CKD family, from a table of its coefficients.

tau = N nu tanh(c2 nu / 2T) 10^-20 [ C_s(nu, T) p_w + C_f(nu) (p - p_w) ] (296 K / T), pressures in atm,
with C_s(nu, T) = C_s(296) (C_s(260) / C_s(296))^((T - 296) / (260 - 296)) (Mlawer et al. 2012, Phil. Trans.
R. Soc. A 370, 2520, doi:10.1098/rsta.2011.0295, and the comments of its published code). Below 2000 cm^-1 the
foreign continuum of that code has one more factor, so the table is used from there on.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from astropy.table import Table
from torch import Tensor

from blase.atmosphere.layers import GasLayers
from blase.atmosphere.line_physics import C2
from blase.atmosphere.partition import REFERENCE_TEMPERATURE
from blase.errors import InputError

_COLD = 260.0  # [K], of the second table of the self continuum
_SCALE = 1e-20
_LOWEST = 2000.0  # [cm^-1]
_COLUMNS = {
    "wavenumber": ("wavenumber_cm", "wavenumber"),
    "self_warm": ("self_296",),
    "self_cold": ("self_260",),
    "foreign": ("foreign_296", "foreign"),
}
_STENCIL = 4


@dataclass(frozen=True)
class WaterContinuum:
    """Coefficients (k,) [10^-20 cm^3 / molecule] on a uniform grid of `wavenumber` [cm^-1]."""

    name: str
    wavenumber: Tensor
    self_warm: Tensor
    self_cold: Tensor
    foreign: Tensor

    def optical_depth(self, wavenumber: Tensor, water: GasLayers) -> Tensor:
        """Of all layers of water, (n,), at `wavenumber` (n,) [cm^-1]; 4-point interpolation of the table."""
        first, weights = self._stencil(wavenumber)
        low, high = int(first.min()), int(first.max()) + _STENCIL
        total = self._nodes(slice(low, high), water)
        return sum(
            (weights[k] * total[first - low + k] for k in range(_STENCIL)), torch.zeros_like(wavenumber)
        )

    def _nodes(self, part: slice, water: GasLayers) -> Tensor:
        """Optical depth at some nodes of the table."""
        nu, warm, cold = (x[part, None] for x in (self.wavenumber, self.self_warm, self.self_cold))
        t = water.temperature
        own = warm * torch.exp(
            torch.log(cold / warm) * (t - REFERENCE_TEMPERATURE) / (_COLD - REFERENCE_TEMPERATURE)
        )
        dry = water.pressure - water.partial_pressure
        collisions = own * water.partial_pressure + self.foreign[part, None] * dry
        radiation = nu * torch.tanh(0.5 * C2 * nu / t)
        return (_SCALE * water.column * radiation * collisions * REFERENCE_TEMPERATURE / t).sum(dim=1)

    def _stencil(self, wavenumber: Tensor) -> tuple[Tensor, list[Tensor]]:
        """First of the four nodes around every sample (n,), and their Lagrange weights."""
        lowest, highest = float(self.wavenumber[1]), float(self.wavenumber[-2])
        if float(wavenumber[0]) < max(lowest, _LOWEST) or float(wavenumber[-1]) > highest:
            raise InputError(
                "the water continuum does not cover the wavelength range",
                path=self.name,
                value=f"{1e8 / float(wavenumber[-1]):.0f} to {1e8 / float(wavenumber[0]):.0f} Angstrom",
                expected=f"{1e8 / highest:.0f} to {1e8 / max(lowest, _LOWEST):.0f} Angstrom",
                fix="narrow --wavelength, or leave --continuum away",
            )
        position = (wavenumber - self.wavenumber[0]) / (self.wavenumber[1] - self.wavenumber[0])
        first = torch.clamp(position.floor().long() - 1, 0, self.wavenumber.numel() - _STENCIL)
        t = position - first
        weights = [
            -(t - 1) * (t - 2) * (t - 3) / 6,
            t * (t - 2) * (t - 3) / 2,
            -t * (t - 1) * (t - 3) / 2,
            t * (t - 1) * (t - 2) / 6,
        ]
        return first, weights


def read_continuum(path: str | Path) -> WaterContinuum:
    """Coefficients from an npz or a text table with the columns wavenumber, self_296, self_260, foreign_296.

    Raises
    ------
    InputError : where the file is not such a table, or its wavenumbers are not uniform.
    """
    file = Path(path)
    columns = _columns(file)
    found = {}
    for role, names in _COLUMNS.items():
        name = next((name for name in names if name in columns), None)
        if name is None:
            raise _unreadable(file, f"columns {', '.join(columns)}")
        found[role] = np.asarray(columns[name], dtype=np.float64)
    nodes = found["wavenumber"]
    steps = np.diff(nodes)
    if len(nodes) < _STENCIL or not np.allclose(steps, steps[0], rtol=1e-6) or steps[0] <= 0:
        raise _unreadable(file, "wavenumbers that are not uniform and increasing")
    used = nodes >= 0
    if not all(np.all(found[name][used] > 0) for name in ("self_warm", "self_cold")):
        raise _unreadable(file, "coefficients of the self continuum that are not positive")
    return WaterContinuum(
        str(file), **{role: torch.from_numpy(values[used]) for role, values in found.items()}
    )


def _columns(path: Path) -> dict[str, np.ndarray]:
    try:
        if zipfile.is_zipfile(path):
            with np.load(path, allow_pickle=False) as store:
                return {name: store[name] for name in store.files}
        table = Table.read(path, format="ascii")
        return {name: np.asarray(table[name], dtype=np.float64) for name in table.colnames}
    except (OSError, ValueError, IndexError) as error:
        raise _unreadable(path, str(error) or type(error).__name__) from error


def _unreadable(path: Path, found: str) -> InputError:
    return InputError(
        "is not a table of the water continuum",
        path=path,
        value=found,
        expected="columns wavenumber, self_296, self_260, foreign_296 (MT_CKD), as npz or text",
        fix="write the coefficients of MT_CKD as such a table, or leave --continuum away",
    )
