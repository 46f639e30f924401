"""A simulated order, its templates and its fit: small enough to be fitted in about a second."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from blase.cloning import Clone, clone_template
from blase.containers import EchelleSpectrum
from blase.pipeline import fit_spectrum
from blase.results.result import FitResult
from blase.simulation import Simulation, simulate_observation
from blase.templates.embedded import embedded_lines
from blase.templates.template import LineTemplate

RANGE = (8226.0, 8242.0)
N_PIXELS = 320


def lines_near(kind: str, span: tuple[float, float], margin: float) -> LineTemplate:
    lines = embedded_lines(kind, wavelength_range=(span[0] - margin, span[1] + margin))
    return LineTemplate(f"embedded {kind}", lines)


def simulate(
    span: tuple[float, float], *, seed: int = 1, n_pixels: int = N_PIXELS, **more: float
) -> Simulation:
    """A star of RV 20 km/s and vsini 8 km/s behind an atmosphere with deep lines, R = 55,000, SNR 200."""
    return simulate_observation(
        lines_near("star", span, 40.0).lines,
        lines_near("telluric", span, 40.0).lines,
        seed=seed,
        wavelength_range=span,
        n_pixels=n_pixels,
        **{"radial_velocity": 20.0, "vsini": 8.0, "resolving_power": 55_000.0} | more,  # type: ignore[arg-type]
    )


@pytest.fixture(scope="session")
def simulation() -> Simulation:
    return simulate(RANGE, barycentric_velocity=-12.5)


@pytest.fixture(scope="session")
def star() -> Clone:
    return clone_template(lines_near("star", RANGE, 12.0))


@pytest.fixture(scope="session")
def air() -> Clone:
    return clone_template(lines_near("telluric", RANGE, 4.0), kind="telluric")


@pytest.fixture(scope="session")
def fitted(simulation: Simulation, star: Clone, air: Clone) -> FitResult:
    return fit_spectrum(simulation.spectrum, star=star, telluric=air, folds=2, seed=7)


@pytest.fixture(scope="session")
def two_orders() -> tuple[EchelleSpectrum, Clone]:
    """Two orders of one star and a clone that covers both."""
    spans = ((8640.0, 8652.0), (8664.0, 8676.0))
    seen = [simulate(span, seed=2, n_pixels=240).spectrum for span in spans]
    orders = tuple(replace(s.orders[0], row=row) for row, s in enumerate(seen))
    clone = clone_template(lines_near("star", (8640.0, 8676.0), 12.0))
    return EchelleSpectrum(orders, seen[0].metadata), clone


@pytest.fixture(scope="session")
def simulate_order() -> Callable[..., tuple[Simulation, Clone, Clone]]:
    """Return a function that simulates an order of any range, and its two clones."""

    def make(span: tuple[float, float], **options: float) -> tuple[Simulation, Clone, Clone]:
        return (
            simulate(span, **options),  # type: ignore[arg-type]
            clone_template(lines_near("star", span, 12.0)),
            clone_template(lines_near("telluric", span, 4.0), kind="telluric"),
        )

    return make
