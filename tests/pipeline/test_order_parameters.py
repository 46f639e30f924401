"""What belongs to single orders, fitted to simulations whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.polynomial.legendre import legval

from blase.cloning import Clone, clone_template
from blase.containers import EchelleSpectrum
from blase.containers.metadata import Metadata
from blase.errors import BlaseWarning, InputError
from blase.pipeline import fit_spectrum
from blase.pipeline.options import freedom
from blase.pipeline.order_freedom import (
    Correction,
    choose_correction,
    has_own_resolving_power,
    parse_correction,
)
from blase.results.result import FitResult
from blase.simulation import OrderSetup, OrdersSimulation, simulate_orders
from blase.templates.embedded import embedded_lines
from blase.templates.template import LineTemplate

C = 299_792.458
SPAN = (8216.0, 8252.0)
SETUPS = (
    OrderSetup((8220.0, 8236.0), 52_000.0, (0.5, -0.3)),
    OrderSetup((8231.0, 8247.0), 59_000.0, (-0.2, 0.4)),
)
RADIAL_VELOCITY = 20.0
QUICK = {"folds": 0, "rv_guess": RADIAL_VELOCITY}


def template(kind: str, margin: float) -> LineTemplate:
    lines = embedded_lines(kind, wavelength_range=(SPAN[0] - margin, SPAN[1] + margin))
    return LineTemplate(f"embedded {kind}", lines)


@pytest.fixture(scope="module")
def clones() -> tuple[Clone, Clone]:
    return clone_template(template("star", 12.0)), clone_template(template("telluric", 4.0), kind="telluric")


@pytest.fixture(scope="module")
def observed() -> OrdersSimulation:
    return simulate_orders(
        template("star", 40.0).lines,
        template("telluric", 40.0).lines,
        SETUPS,
        seed=5,
        n_pixels=330,
        radial_velocity=RADIAL_VELOCITY,
        vsini=6.0,
    )


@pytest.fixture(scope="module")
def believed(observed: OrdersSimulation, clones: tuple[Clone, Clone]) -> FitResult:
    """A fit that takes the distorted wavelengths as they are."""
    return fit_spectrum(observed.spectrum, star=clones[0], telluric=clones[1], **QUICK)


@pytest.fixture(scope="module")
def corrected(observed: OrdersSimulation, clones: tuple[Clone, Clone]) -> FitResult:
    return fit_spectrum(
        observed.spectrum, star=clones[0], telluric=clones[1], wavelength_correction=(0.5, 1), **QUICK
    )


def test_resolving_power_of_every_order_is_recovered(corrected: FitResult) -> None:
    for order, setup in zip(corrected.summary["orders"], SETUPS, strict=True):
        found = order["resolving_power"]
        assert 0 < found["error"] < 0.03 * found["value"] and not found["prior_dominated"]
        assert abs(found["value"] - setup.resolving_power) < 3 * found["error"]
    powers = [order["resolving_power"]["value"] for order in corrected.summary["orders"]]
    assert powers[1] - powers[0] > 3000
    assert powers[0] < corrected.summary["resolving_power"]["value"] < powers[1]


def test_distortion_of_every_order_is_recovered(corrected: FitResult) -> None:
    for order, setup in zip(corrected.summary["orders"], SETUPS, strict=True):
        found = order["wavelength_correction"]
        assert found["degree"] == [0, 1] and found["unit"] == "km/s" and found["prior_width"] == 0.5
        assert found["prior_dominated"] == [False, False]
        for value, error, true in zip(found["value"], found["error"], setup.distortion, strict=True):
            assert 0 < error < 0.2
            assert abs(value - true) < 3 * error


def test_true_wavelengths_are_recovered(observed: OrdersSimulation, corrected: FitResult) -> None:
    for order, truth, setup in zip(corrected.orders, observed.truth, SETUPS, strict=True):
        assert order.displacement is not None
        true = order.wavelength * np.exp(order.displacement / C)
        velocity = C * (true / truth.wavelength - 1)
        x = np.linspace(-1, 1, len(true))
        assert np.abs(velocity).max() < 0.4 < np.abs(legval(x, setup.distortion)).max()


def test_radial_velocity_is_less_certain_and_right(believed: FitResult, corrected: FitResult) -> None:
    before, after = (fit.summary["radial_velocity"] for fit in (believed, corrected))
    assert abs(after["value"] - RADIAL_VELOCITY) < 3 * after["error"]
    assert after["error"] > before["error"]
    # Distorted wavelengths cannot be fitted with lines alone.
    assert max(believed.summary["noise_inflation"]) > 1.3 * max(corrected.summary["noise_inflation"])
    assert believed.summary["chi2_reduced"] > 1.5 * corrected.summary["chi2_reduced"]


def test_a_line_in_two_orders_is_one_line(observed: OrdersSimulation, corrected: FitResult) -> None:
    lines = corrected.lines
    stellar = lines[(lines["origin"] == "stellar") & (lines["status"] == "cloned")]
    rest = np.asarray(stellar["centre"])
    assert np.all(np.diff(np.sort(rest)) > 0)
    assert len(set(lines["line_id"])) == len(lines)
    low, high = SETUPS[1].wavelength_range[0], SETUPS[0].wavelength_range[1]
    seen = (rest * (1 + RADIAL_VELOCITY / C) > low) & (rest * (1 + RADIAL_VELOCITY / C) < high)
    assert seen.sum() >= 3
    alone = np.asarray(stellar["centre_shift_error"])
    assert np.median(alone[seen]) < np.median(alone[~seen])  # seen twice, known better


def test_believed_wavelengths_have_no_displacement(believed: FitResult) -> None:
    assert all(order.displacement is None for order in believed.orders)
    assert all(order["wavelength_correction"] is None for order in believed.summary["orders"])
    assert not any("corrected" in note for note in believed.summary["notes"])


def test_a_correction_that_was_asked_for_is_noted(corrected: FitResult) -> None:
    [note] = [n for n in corrected.summary["notes"] if "wavelengths of every order are corrected" in n]
    assert "degree 1, prior width 0.5 km/s (as asked)" in note


def test_the_default_of_an_instrument_is_announced(
    observed: OrdersSimulation, clones: tuple[Clone, Clone]
) -> None:
    spectrum = observed.spectrum.with_metadata(instrument="X-Shooter")
    held = dict.fromkeys(("stellar_lines", "telluric_lines", "vsini"))
    options = {"star": clones[0], "telluric": clones[1], "max_iterations": 3, "fix": held, **QUICK}
    with pytest.warns(BlaseWarning, match=r"prior width 2 km/s \(X-Shooter: accuracy quoted"):
        result = fit_spectrum(spectrum, **options)
    assert len(result.summary["orders"][0]["wavelength_correction"]["value"]) == 2
    off = fit_spectrum(spectrum, **options, wavelength_correction="off")
    assert off.summary["orders"][0]["wavelength_correction"] is None


@pytest.fixture(scope="module")
def without_air() -> OrdersSimulation:
    lines = template("star", 40.0).lines
    return simulate_orders(
        lines, None, SETUPS, seed=5, n_pixels=330, radial_velocity=RADIAL_VELOCITY, vsini=6.0
    )


def test_without_tellurics_the_mean_shift_is_that_of_the_prior(
    without_air: OrdersSimulation, clones: tuple[Clone, Clone]
) -> None:
    result = fit_spectrum(without_air.spectrum, star=clones[0], wavelength_correction=0.5, **QUICK)
    shifts, errors = [], []
    for order, setup in zip(result.summary["orders"], SETUPS, strict=True):
        found = order["wavelength_correction"]
        assert found["degree"] == [0, 1]
        assert abs(found["value"][1] - setup.distortion[1]) < 3 * found["error"][1]
        shifts.append(found["value"][0])
        errors.append(found["error"][0])
    assert abs(shifts[0] - shifts[1] - 0.7) < 0.3  # between orders, the star tells
    assert min(errors) > 0.3
    velocity = result.summary["radial_velocity"]
    assert velocity["error"] > 0.9 * 0.5 / np.sqrt(2)
    assert abs(velocity["value"] - RADIAL_VELOCITY) < 3 * velocity["error"]
    assert any("whose error includes 0.35 km/s" in note for note in result.summary["notes"])


def test_a_single_order_without_tellurics_is_not_shifted(
    without_air: OrdersSimulation, clones: tuple[Clone, Clone]
) -> None:
    options = {"star": clones[0], "orders": [1], **QUICK}
    result = fit_spectrum(without_air.spectrum, wavelength_correction=0.5, **options)
    [order] = result.summary["orders"]
    found = order["wavelength_correction"]
    assert found["degree"] == [1]
    assert abs(found["value"][0] - SETUPS[1].distortion[1]) < 3 * found["error"][0]
    assert any("and is left out" in note for note in result.summary["notes"])
    assert result.summary["radial_velocity"]["error"] < 0.2
    assert order["resolving_power"]["value"] == result.summary["resolving_power"]["value"]


def test_resolving_power_of_orders_may_be_held(
    observed: OrdersSimulation, clones: tuple[Clone, Clone]
) -> None:
    held = dict.fromkeys(("stellar_lines", "telluric_lines", "resolving_power_orders"))
    result = fit_spectrum(observed.spectrum, star=clones[0], telluric=clones[1], fix=held, **QUICK)
    powers = [order["resolving_power"]["value"] for order in result.summary["orders"]]
    assert powers[0] == powers[1] == pytest.approx(result.summary["resolving_power"]["value"], rel=1e-12)
    one, common = result.summary["orders"][0]["resolving_power"], result.summary["resolving_power"]
    assert one["error"] == pytest.approx(common["error"], rel=1e-6)


@pytest.mark.parametrize(
    ("fix", "free", "n_orders", "common_is_free", "own"),
    [
        (None, None, 2, True, True),
        (None, None, 1, True, False),
        (None, None, 2, False, False),
        ({"resolving_power_orders": None}, None, 2, True, False),
        (None, ["resolving_power_orders"], 2, False, True),
    ],
)
def test_when_orders_have_their_own(
    fix: dict | None, free: list | None, n_orders: int, common_is_free: bool, own: bool
) -> None:
    assert has_own_resolving_power(freedom(fix, free), n_orders, common_is_free=common_is_free) == own


def test_a_single_order_has_no_resolving_power_besides_that_of_all(
    observed: OrdersSimulation, clones: tuple[Clone, Clone]
) -> None:
    for option in ({"free": ["resolving_power_orders"]}, {"fix": {"resolving_power_orders": None}}):
        with pytest.raises(InputError, match="resolving_power_orders means nothing for a single order"):
            fit_spectrum(observed.spectrum, star=clones[0], orders=[0], **option)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [(None, None), ("off", None), (0.5, Correction(0.5, 1)), ((0.2, 3), Correction(0.2, 3))],
)
def test_corrections_that_can_be_asked_for(asked: object, expected: Correction | None) -> None:
    assert parse_correction(asked) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("asked", [0.0, -1.0, 21.0, float("nan"), (0.5, -1), (0.5, 7), "on"])
def test_corrections_out_of_range(asked: object) -> None:
    with pytest.raises(InputError, match="wavelength correction is out of range"):
        parse_correction(asked)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["HPF", "HARPS", "ESPRESSO", "NEID", "unheard of", None])
def test_stable_and_unknown_instruments_are_believed(name: str | None) -> None:
    assert choose_correction(None, Metadata(instrument=name), anchored=True, n_orders=1) == (None, [])


@pytest.mark.parametrize("name", ["IGRINS", "NIRSPEC", "CRIRES+", "iSHELL", "XSHOOTER", "UVES"])
def test_other_instruments_have_a_stated_width(name: str) -> None:
    correction, [said] = choose_correction(None, Metadata(instrument=name), anchored=True, n_orders=1)
    assert correction is not None and correction.degree == 1 and 0.1 <= correction.width <= 4.0
    assert name in said and "--wavelength-correction off" in said


def test_a_mere_shift_of_one_order_needs_an_anchor() -> None:
    with pytest.raises(InputError, match="cannot be told from the radial velocity"):
        choose_correction((0.5, 0), Metadata(), anchored=False, n_orders=1)
    for anchored, n_orders in ((True, 1), (False, 2)):
        correction, said = choose_correction((0.5, 0), Metadata(), anchored=anchored, n_orders=n_orders)
        assert correction == Correction(0.5, 0) and len(said) == 2 - anchored


def test_orders_that_cannot_be_fitted_are_left_out_by_name(
    observed: OrdersSimulation, clones: tuple[Clone, Clone]
) -> None:
    first, second = observed.spectrum.orders
    one_pixel = np.arange(len(second)) != 100
    dark = replace(second, flux=np.where(second.mask, np.nan, -1.0), row=4)
    bad = [
        replace(second, mask=np.ones(len(second), bool), row=2),
        replace(second, mask=second.mask | one_pixel, row=3),
        dark,
    ]
    held = dict.fromkeys(("stellar_lines", "telluric_lines", "vsini"))
    spectrum = EchelleSpectrum((first, *bad), observed.spectrum.metadata)
    with pytest.warns(BlaseWarning) as caught:
        result = fit_spectrum(spectrum, star=clones[0], telluric=clones[1], fix=held, **QUICK)
    assert [order.row for order in result.orders] == [0]
    said = [str(w.message) for w in caught]
    for row, why in (
        (2, "0 good of 330"),
        (3, "1 good of 330"),
        (4, "median flux is not positive"),
    ):
        [text] = [t for t in said if f"order {row}" in t]
        assert text.startswith("left out:") and why in text
    assert np.isfinite(result.orders[0].model).all()
    for rows, why in (([3], "1 good of 330"), ([2], "no pixel can be used"), ([4], "not positive")):
        with pytest.raises(InputError, match=why):
            fit_spectrum(spectrum, star=clones[0], orders=rows)
