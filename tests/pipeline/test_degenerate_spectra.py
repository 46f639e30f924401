"""Input with nothing to fit, or nothing to tell apart, ends with a statement: no crash and no NaN."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from blase.cloning import Clone, clone_template
from blase.containers import EchelleSpectrum
from blase.containers.line_list import LineList
from blase.errors import BlaseWarning, InputError
from blase.pipeline import fit_spectrum
from blase.results.result import FitResult
from blase.simulation import Simulation
from blase.templates.template import LineTemplate


def require_finite(result: FitResult) -> None:
    for order in result.orders:
        assert np.isfinite(order.model).all()
    for name in ("radial_velocity", "vsini", "resolving_power"):
        assert np.isfinite(result.summary[name]["value"])
    assert np.isfinite(result.summary["residual_rms"])
    for name in ("strength", "equivalent_width"):
        kept = result.lines["status"] != "dropped"
        assert np.isfinite(np.asarray(result.lines[name][kept].value, dtype=float)).all()
    assert result.summary["stop_reason"]


def with_mask(spectrum: EchelleSpectrum, number: int, mask: np.ndarray) -> EchelleSpectrum:
    orders = list(spectrum.orders)
    orders[number] = replace(orders[number], mask=mask)
    return replace(spectrum, orders=tuple(orders))


def test_two_identical_lines(simulation: Simulation, star: Clone) -> None:
    """Each strong line twice, at half of its strength: the fit ends, and says which cannot be told apart."""
    lines = star.lines
    strong = lines.take(np.flatnonzero(lines.strength > np.percentile(lines.strength, 80)))
    rest = lines.take(np.flatnonzero(lines.strength <= np.percentile(lines.strength, 80)))
    half = replace(strong, strength=0.5 * strong.strength)
    twins = clone_template(LineTemplate("twins", LineList.concatenated([rest, half, half])))
    result = fit_spectrum(simulation.spectrum, star=twins, folds=0, curve=False)
    require_finite(result)
    table = result.lines[result.lines["status"] == "cloned"]
    numbers = [table["blend"][table["centre_cloned"].value == centre].tolist() for centre in half.centre]
    pairs = [pair for pair in numbers if len(pair) == 2]
    assert len(pairs) > 5 and all(one == other for one, other in pairs)
    assert sum(one > 0 for one, _ in pairs) > 2  # of the others the data tell less than the prior does


def test_a_line_outside_the_data(simulation: Simulation, star: Clone) -> None:
    far = LineList([star.lines.centre[-1] + 0.5], [0.05], [1.5], [0.2])
    clone = clone_template(LineTemplate("with one beyond", LineList.concatenated([star.lines, far])))
    result = fit_spectrum(simulation.spectrum, star=clone, folds=0, curve=False)
    require_finite(result)
    row = result.lines[result.lines["centre_cloned"].value == far.centre[0]]
    assert row["order"].tolist() == [-1]


def test_an_order_without_pixels(two_orders: tuple[EchelleSpectrum, Clone]) -> None:
    """It is left out by name; where it is the only one there is nothing to fit."""
    spectrum, clone = two_orders
    dark = with_mask(spectrum, 1, np.ones(spectrum.orders[1].flux.size, dtype=bool))
    with pytest.warns(BlaseWarning, match="order 1 has too few good pixels"):
        result = fit_spectrum(dark, star=clone, folds=0, curve=False)
    require_finite(result)
    assert [order.row for order in result.orders] == [0]
    with pytest.raises(InputError, match="no pixel can be used"):
        fit_spectrum(dark, star=clone, orders=[1], folds=0)


@pytest.mark.parametrize("good", [1, 2])
def test_one_pixel(simulation: Simulation, star: Clone, good: int) -> None:
    mask = np.ones(simulation.spectrum.orders[0].flux.size, dtype=bool)
    mask[100 : 100 + good] = False
    with pytest.raises(InputError, match="pixels"):
        fit_spectrum(with_mask(simulation.spectrum, 0, mask), star=star, folds=0)


def test_a_prior_without_width(simulation: Simulation, star: Clone) -> None:
    with pytest.raises(InputError, match="without any width would freeze"):
        fit_spectrum(simulation.spectrum, star=star, prior_widths={"stellar_sigma": 0.0}, folds=0)
