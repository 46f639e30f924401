"""Gaussian widths against a Gaussian fitted by scipy to lines that were broadened by brute force."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from astropy import units as u
from scipy.optimize import curve_fit
from scipy.special import voigt_profile

from blase.constants import SPEED_OF_LIGHT
from blase.results.catalogue import line_catalogue
from blase.results.gaussian_width import gaussian_widths
from blase.results.result import FitResult
from blase.simulation.disk import disk_columns, stream_kernel

Factory = Callable[..., FitResult]
POWER, VSINI, ZETA, STEP = 80_000.0, 3.0, 3.5, 0.02


def by_brute_force(strength: float, sigma: float, gamma: float, *, rotates: bool) -> float:
    """Area [km/s] of the Gaussian nearest to one line of `strength` [km/s], convolved step by step."""
    v = np.arange(-60.0, 60.0 + STEP / 2, STEP)
    seen = -np.expm1(-strength * voigt_profile(v, sigma, gamma))
    spread = SPEED_OF_LIGHT / POWER / np.sqrt(8 * np.log(2))
    kernel = np.exp(-0.5 * (v / spread) ** 2)
    seen = np.convolve(seen, kernel / kernel.sum(), mode="same")
    if rotates:
        x, weight = disk_columns(200, 0.6)
        seen = sum(w * np.interp(v - VSINI * at, v, seen) for at, w in zip(x, weight, strict=True))
        seen = np.convolve(seen, stream_kernel(STEP, ZETA), mode="same")
    full_width = 2 * v[v > 0][np.argmax(seen[v > 0] < seen.max() / 2)]
    core = np.abs(v) <= full_width
    (depth, width), _ = curve_fit(
        lambda v, a, s: a * np.exp(-0.5 * (v / s) ** 2), v[core], seen[core], (seen.max(), full_width / 2.35)
    )
    return float(depth * abs(width) * np.sqrt(2 * np.pi))


@pytest.fixture
def result(result_factory: Factory) -> FitResult:
    """The hand-made fit, its floors taken away and its star turning and streaming."""
    lines = result_factory().lines
    for name in lines.colnames:
        if name.startswith(("core_floor", "wing_floor", "core_opacity", "wing_power")):
            lines.remove_column(name)
    lines["sigma"] = [1.5, 2.0, 0.8, 1.4] * u.km / u.s
    lines["gamma"] = [0.2, 0.9, 0.1, 1e-4] * u.km / u.s
    lines["strength"] = np.array([1e-6, 0.08, 0.01, 1.0]) * u.AA
    base = result_factory().summary
    summary = base | {
        "resolving_power": {"value": POWER},
        "vsini": {"value": VSINI},
        "macroturbulence": {"value": ZETA},
        "limb_darkening": {"value": 0.6},
    }
    return result_factory(lines=lines, summary=summary)


def test_is_the_area_of_the_best_gaussian(result: FitResult) -> None:
    lines = result.lines
    found = gaussian_widths(result)
    for row in range(len(lines)):
        velocity = lines["centre"].value[row] / SPEED_OF_LIGHT
        expected = by_brute_force(
            lines["strength"].value[row] / velocity,
            lines["sigma"].value[row],
            lines["gamma"].value[row],
            rotates=lines["origin"][row] == "stellar",
        )
        assert found[row] == pytest.approx(expected * velocity, rel=5e-3), row


def test_a_weak_gaussian_line_has_its_own_width(result: FitResult) -> None:
    result.lines["gamma"] = 1e-6 * u.km / u.s
    result.lines["strength"] = 1e-7 * u.AA
    result.summary["vsini"]["value"] = result.summary["macroturbulence"]["value"] = 0.0
    np.testing.assert_allclose(gaussian_widths(result), 1e-7, rtol=1e-4)


def test_wings_are_left_out_and_lines_without_strength_have_none(result: FitResult) -> None:
    result.lines["strength"][2] = 0.0 * u.AA
    table = line_catalogue(result, gaussian=True)
    of_line = {str(row["line_id"]): row for row in table}
    broad, absent = of_line[str(result.lines["line_id"][1])], of_line[str(result.lines["line_id"][2])]
    assert np.isnan(absent["gaussian_width"]) and table["gaussian_width"].unit == u.AA
    assert broad["gaussian_width"] < 0.9 * 0.08 * u.AA
    assert "gaussian_width" not in line_catalogue(result).colnames
