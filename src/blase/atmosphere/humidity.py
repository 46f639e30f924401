"""Water vapour: from relative humidity to pressure, from a column to millimetres."""

from __future__ import annotations

import torch
from torch import Tensor

MOLECULES_PER_MM = 3.342_796e21
"""Molecules of water per cm^2 in 1 mm of precipitable water: 0.1 cm x 1 g/cm^3 x N_A / (18.0153 g/mol)."""


def saturation_pressure(temperature: Tensor) -> Tensor:
    """Saturation vapour pressure [hPa] over liquid water at `temperature` [K] of any shape.

    ln(e_s / Pa) of Murphy & Koop 2005 (QJRMS 131, 1539, doi:10.1256/qj.04.94, eq. 10), 123 to 332 K.
    """
    t = temperature
    log = 54.842763 - 6763.22 / t - 4.210 * torch.log(t) + 0.000367 * t
    tail = 53.878 - 1331.22 / t - 9.44523 * torch.log(t) + 0.014025 * t
    return 0.01 * torch.exp(log + torch.tanh(0.0415 * (t - 218.8)) * tail)
