"""What the model integrates over, and where."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from blase.functional.pixels import integrate_pixels
from blase.pipeline.prepare import order_grid, to_pixels
from blase.simulation import Simulation


def test_removed_rows_leave_the_other_pixels_as_they_are(simulation: Simulation) -> None:
    """The model of an order without some of its rows is that of the whole order at the rows that are left."""
    [whole] = simulation.spectrum.orders
    kept = np.ones(len(whole), bool)
    kept[[60, 61, 62, 63, 64, 150]] = False
    names = ("wavelength", "flux", "uncertainty", "mask")
    part = replace(whole, blaze=None, **{name: getattr(whole, name)[kept] for name in names})
    read = []
    for order in (whole, part):
        grid, weights = order_grid(to_pixels(order), step=0.25, margin=30.0, resolving_power=55_000.0)
        wave = torch.sin(grid.wavelength / 0.05)  # a period of six pixels or so
        read.append(integrate_pixels(wave, weights).numpy())
    np.testing.assert_allclose(read[1], read[0][kept], atol=1e-3)
