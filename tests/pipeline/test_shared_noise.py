"""A fit of samples that share noise: errors grow by the root of how many do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from blase.containers import EchelleSpectrum
from blase.pipeline import fit_spectrum

SPAN = (8640.0, 8656.0)


def doubled(spectrum: EchelleSpectrum, *, known: bool) -> EchelleSpectrum:
    """Noise twice as large as stated and shared by two neighbours; `known`: that is stated."""
    order = spectrum.orders[0]
    noise = np.repeat(np.random.default_rng(5).normal(size=len(order) // 2), 2) * order.uncertainty
    length = np.full(len(order), 2.0)
    shared = replace(
        order,
        flux=order.flux + 2 * noise,
        uncertainty=order.uncertainty * (np.sqrt(length) if known else 1.0),
        noise_length=length if known else None,
    )
    return replace(spectrum, orders=(shared,))


def test_errors_grow_by_the_root_of_the_length_even_where_noise_is_learned(
    simulate_order: Callable[..., tuple],
) -> None:
    simulation, star, _ = simulate_order(SPAN, telluric_factor=1e-6)
    found = [
        fit_spectrum(
            doubled(simulation.spectrum, known=known),
            star=star,
            rv_guess=20.0,
            fix={"stellar_lines": None, "resolving_power": None},
            folds=0,
            curve=False,
            new_lines=False,
        ).summary
        for known in (False, True)
    ]
    errors = [summary["radial_velocity"]["error"] for summary in found]
    assert errors[1] / errors[0] == pytest.approx(np.sqrt(2), rel=0.1)
    assert found[1]["noise_inflation"][0] == pytest.approx(found[0]["noise_inflation"][0], rel=0.1)
