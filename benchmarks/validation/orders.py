"""Single orders of about 100 Angstrom: simulate one, fit it, say how it went."""

from __future__ import annotations

import warnings
from typing import Any

import blase
from blase.cloning import clone_template
from blase.containers import LineList
from blase.simulation import Simulation, simulate_observation
from blase.templates.embedded import embedded_lines
from blase.templates.template import LineTemplate
from validation.bound import bounds
from validation.record import Record, record
from validation.truth import BELIEVED, STAR, true_resolving_power, true_vsini

PIXELS_PER_ANGSTROM = 20
REACH = 40.0
"""The star has lines this far beyond its order [Angstrom]."""


def template_lines(span: tuple[float, float]) -> LineList:
    """Lines of the template of an order."""
    return embedded_lines("star", wavelength_range=(span[0] - REACH, span[1] + REACH))


def simulate_order(
    template: LineList, number: int, *, signal_to_noise: float, span: tuple[float, float]
) -> Simulation:
    """The star of draw `number`, seen in one order `span` [Angstrom]."""
    return simulate_observation(
        template,
        seed=number,
        wavelength_range=span,
        n_pixels=round(PIXELS_PER_ANGSTROM * (span[1] - span[0])),
        signal_to_noise=signal_to_noise,
        vsini=true_vsini(number),
        resolving_power=true_resolving_power(number),
        line_scatter=STAR,
    )


def draw_order(number: int, *, signal_to_noise: float, span: tuple[float, float], **options: Any) -> Record:
    """Simulate and fit order `number`; `options` go to `blase.fit_spectrum`."""
    warnings.simplefilter("ignore")
    template = template_lines(span)
    simulation = simulate_order(template, number, signal_to_noise=signal_to_noise, span=span)
    result = blase.fit_spectrum(
        simulation.spectrum,
        star=clone_template(LineTemplate("embedded:star", template)),
        resolving_power=BELIEVED,
        **options,
    )
    truth = simulation.truth
    return record(
        result,
        template,
        [truth],
        bound=bounds(simulation.spectrum, [truth], resolving_power=truth.resolving_power),
        resolving_power=truth.resolving_power,
    )
