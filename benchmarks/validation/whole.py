"""Whole spectra: the 28 orders of the HPF, star through atmosphere."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

import blase
from blase.cloning import clone_template
from blase.pipeline.order_freedom import DEPARTURE_PRIOR
from blase.simulation import OrderSetup, simulate_orders
from blase.templates.embedded import embedded_lines
from blase.templates.template import LineTemplate
from validation.bound import bounds
from validation.record import Record, record
from validation.truth import BELIEVED, STAR, TELLURIC, true_resolving_power, true_vsini

ORDERS = (
    (8079.0, 8183.6),
    (8188.2, 8294.1),
    (8300.4, 8407.7),
    (8415.7, 8524.5),
    (8534.2, 8644.6),
    (8656.2, 8768.1),
    (8781.6, 8895.1),
    (8910.8, 9025.9),
    (9043.8, 9160.6),
    (9180.9, 9299.4),
    (9322.1, 9442.4),
    (9467.8, 9590.0),
    (9618.1, 9742.2),
    (9773.3, 9899.3),
    (9933.5, 10061.5),
    (10099.1, 10229.2),
    (10270.3, 10402.6),
    (10447.4, 10581.9),
    (10630.8, 10767.5),
    (10820.6, 10959.7),
    (11017.4, 11159.0),
    (11221.5, 11365.6),
    (11433.3, 11580.0),
    (11653.2, 11802.6),
    (11881.8, 12034.0),
    (12119.5, 12274.6),
    (12367.0, 12525.0),
    (12624.8, 12785.8),
)
"""Wavelengths [vacuum Angstrom] of the orders of the HPF, as its pipeline gives them."""
N_PIXELS = 2048
SIGNAL_TO_NOISE = 100.0
REACH = 50.0
"""The templates have lines this far beyond the orders [Angstrom]."""


def draw_whole(number: int, **options: Any) -> Record:
    """Simulate and fit the whole spectrum `number`; `options` go to `blase.fit_spectrum`."""
    warnings.simplefilter("ignore")
    span = (ORDERS[0][0] - REACH, ORDERS[-1][1] + REACH)
    star, air = (embedded_lines(kind, wavelength_range=span) for kind in ("star", "telluric"))
    power = true_resolving_power(number)
    departures = DEPARTURE_PRIOR * np.random.default_rng([number, 8]).standard_normal(len(ORDERS))
    simulation = simulate_orders(
        star,
        air,
        [OrderSetup(order, power * float(np.exp(d))) for order, d in zip(ORDERS, departures, strict=True)],
        seed=number,
        signal_to_noise=SIGNAL_TO_NOISE,
        n_pixels=N_PIXELS,
        vsini=true_vsini(number),
        line_scatter=STAR,
        telluric_scatter=TELLURIC,
    )
    result = blase.fit_spectrum(
        simulation.spectrum,
        star=clone_template(LineTemplate("embedded:star", star)),
        telluric=clone_template(LineTemplate("embedded:telluric", air), kind="telluric"),
        resolving_power=BELIEVED,
        **options,
    )
    return record(
        result,
        star,
        simulation.truth,
        bound=bounds(simulation.spectrum, simulation.truth, resolving_power=power),
        resolving_power=power,
    )
