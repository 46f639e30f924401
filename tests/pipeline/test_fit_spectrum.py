"""Behaviour of the main call: frames, fixed parameters, masks, coverage, several orders, interruption."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from blase.cloning import Clone
from blase.containers import EchelleSpectrum
from blase.containers.line_list import LineList
from blase.errors import BlaseWarning, InputError
from blase.pipeline import fit_spectrum
from blase.pipeline.build import Settings, build_model, reconsider_reach
from blase.pipeline.options import freedom
from blase.pipeline.prepare import to_pixels
from blase.results.result import FitResult
from blase.simulation import Simulation
from blase.templates.template import LineTemplate, Template

HELD = {"stellar_lines": None, "resolving_power": None}
"""Hold what most of these tests do not ask about, which makes their fits quick."""
ALL = ["resolving_power", "radial_velocity", "vsini", "continuum", "stellar_lines"]


def value(result: Any, name: str) -> float:
    return result.summary[name]["value"]


def test_two_orders_share_their_velocity(two_orders: tuple[EchelleSpectrum, Clone]) -> None:
    spectrum, clone = two_orders
    result = fit_spectrum(spectrum, star=clone, folds=0)
    assert value(result, "radial_velocity") == pytest.approx(20.0, abs=0.4)
    assert [o.row for o in result.orders] == [0, 1] == [o["row"] for o in result.summary["orders"]]
    assert len(result.summary["noise_inflation"]) == 2
    assert result.summary["continuum"].keys() == {"0", "1"}
    assert set(result.lines["order"]) == {-1, 0, 1}
    assert result.summary["residual_rms_heldout"] is None
    total = sum(o["n_effective"] for o in result.summary["orders"])
    assert total == pytest.approx(result.summary["n_effective"], rel=1e-6)


def test_unseen_pixels_are_predicted_almost_to_the_noise(two_orders: tuple[EchelleSpectrum, Clone]) -> None:
    spectrum, clone = two_orders
    result = fit_spectrum(spectrum, star=clone, orders=[0], rv_guess=20.0, folds=5)
    [order] = result.orders
    noise = 1 / np.sqrt(np.mean((order.model / order.uncertainty)[~order.mask] ** 2))
    assert result.summary["residual_rms"] == pytest.approx(noise, rel=0.2)
    assert result.summary["residual_rms_heldout"] < 1.3 * result.summary["residual_rms"]
    assert result.summary["residual_rms_heldout"] > 0.9 * noise


def test_order_and_range_are_chosen(two_orders: tuple[EchelleSpectrum, Clone]) -> None:
    spectrum, clone = two_orders
    result = fit_spectrum(
        spectrum, star=clone, orders=[1], wavelength_range=(8666.0, 8674.0), rv_guess=20.0, folds=0
    )
    [order] = result.orders
    assert order.row == 1
    assert order.wavelength[0] >= 8666 and order.wavelength[-1] <= 8674
    with pytest.warns(BlaseWarning, match="orders without a pixel there: 0: left out"):
        narrowed = fit_spectrum(
            spectrum, star=clone, orders=[0, 1], wavelength_range=(8666.0, 8674.0), rv_guess=20.0, folds=0
        )
    assert narrowed.summary["n_pixels"] == result.summary["n_pixels"]
    with pytest.raises(InputError, match="row 5"):
        fit_spectrum(spectrum, star=clone, orders=[5])
    with pytest.raises(InputError, match="7000.0 to 7100.0"):
        fit_spectrum(spectrum, star=clone, wavelength_range=(7000.0, 7100.0))
    with pytest.raises(InputError, match="too few good pixels"):
        fit_spectrum(spectrum, star=clone, wavelength_range=(8670.0, 8671.0))


def test_fixed_parameters_stay(simulation: Simulation, star: Clone) -> None:
    result = fit_spectrum(
        simulation.spectrum,
        star=star,
        folds=0,
        fix={"vsini": 5.0, "radial_velocity": 19.5, "resolving_power": 60_000.0, "stellar_lines": None},
    )
    assert value(result, "vsini") == pytest.approx(5.0)
    assert value(result, "radial_velocity") == 19.5
    assert value(result, "resolving_power") == pytest.approx(60_000.0)
    assert all(result.summary[n]["fixed"] for n in ("vsini", "radial_velocity", "resolving_power"))
    np.testing.assert_allclose(result.lines["strength"], result.lines["strength_cloned"], rtol=1e-14)
    assert result.summary["n_parameters"] == 6


def test_freed_limb_darkening_is_a_parameter(simulation: Simulation, star: Clone) -> None:
    usual = fit_spectrum(simulation.spectrum, star=star, folds=0, fix=HELD)
    freed = fit_spectrum(simulation.spectrum, star=star, folds=0, fix=HELD, free=["limb_darkening"])
    assert usual.summary["limb_darkening"]["fixed"] and value(usual, "limb_darkening") == 0.6
    assert freed.summary["n_parameters"] == usual.summary["n_parameters"] + 1
    assert "fixed" not in freed.summary["limb_darkening"] and freed.summary["limb_darkening"]["error"] > 0


def test_same_input_gives_the_same_numbers(simulation: Simulation, star: Clone) -> None:
    near = {"star": star, "folds": 0, "rv_guess": 20.0, "wavelength_range": (8230.0, 8236.0)}
    one, two = (fit_spectrum(simulation.spectrum, **near) for _ in range(2))
    assert value(one, "radial_velocity") == value(two, "radial_velocity")
    np.testing.assert_array_equal(one.lines["strength"], two.lines["strength"])


def test_masked_pixels_are_counted_and_ignored(simulation: Simulation, star: Clone, air: Clone) -> None:
    [order] = simulation.spectrum.orders
    flux, uncertainty = order.flux.copy(), order.uncertainty.copy()
    flux[100:110], uncertainty[200:207], flux[300] = np.nan, 0.0, np.inf
    worse = replace(simulation.spectrum, orders=(replace(order, flux=flux, uncertainty=uncertainty),))
    bad = ~np.isfinite(flux) | ~(uncertainty > 0)
    result = fit_spectrum(worse, star=star, telluric=air, folds=0, rv_guess=20.0, fix=HELD)
    assert result.summary["n_masked"] == bad.sum()
    assert result.summary["n_pixels"] == bad.size - bad.sum()
    np.testing.assert_array_equal(result.orders[0].mask, bad)
    assert np.isfinite(result.orders[0].model).all()
    assert value(result, "radial_velocity") == pytest.approx(20.0, abs=0.5)


def test_partly_covered_order_is_cut_with_a_warning(simulation: Simulation, star: Clone) -> None:
    half = replace(star, wavelength_range=(8222.0, 8234.0))
    with pytest.warns(BlaseWarning, match="outside the stellar template"):
        result = fit_spectrum(simulation.spectrum, star=half, folds=0, rv_guess=20.0, fix=HELD)
    used = result.orders[0].wavelength[~result.orders[0].mask]
    assert used.max() < 8234.0 * (1 + 40.5 / 299_792.458)
    assert any("outside the stellar template" in text for text in result.summary["warnings"])


def test_hardly_covered_order_is_refused(simulation: Simulation, star: Clone) -> None:
    corner = replace(star, wavelength_range=(8222.0, 8228.0))
    with pytest.raises(InputError, match="covers too few pixels") as caught:
        fit_spectrum(simulation.spectrum, star=corner, rv_guess=20.0, fix={"radial_velocity": 20.0})
    assert "of 320 pixels" in str(caught.value)


def test_orders_in_a_gap_of_the_template_are_named_and_left_out(
    two_orders: tuple[EchelleSpectrum, Clone],
) -> None:
    spectrum, clone = two_orders
    pieces = [[8628.0, 8658.0], [8690.0, 8700.0]]
    torn = replace(clone, wavelength_range=(8628.0, 8700.0), summary=clone.summary | {"segments": pieces})
    assert torn.segments == [(8628.0, 8658.0), (8690.0, 8700.0)]
    with pytest.warns(BlaseWarning, match="does not cover are left out: 1"):
        result = fit_spectrum(spectrum, star=torn, rv_guess=20.0, folds=0, fix=HELD)
    assert [order.row for order in result.orders] == [0]


def test_template_elsewhere_is_refused(simulation: Simulation, star: Clone) -> None:
    with pytest.raises(InputError, match="does not overlap"):
        fit_spectrum(simulation.spectrum, star=replace(star, wavelength_range=(9000.0, 9100.0)))
    wavelength = np.linspace(9000.0, 9100.0, 5000)
    template = Template("far", wavelength, np.ones(5000), np.ones(5000), path="far.npz")
    with pytest.raises(InputError, match="does not overlap") as caught:
        fit_spectrum(simulation.spectrum, star=template)
    assert "far.npz" in str(caught.value) and "9000.0 to 9100.0" in str(caught.value)


@pytest.mark.parametrize(
    ("frame", "berv", "flag"),
    [("unknown", None, "--frame"), ("rest", None, "--frame"), ("barycentric", None, "--berv")],
)
def test_atmosphere_needs_a_frame(
    simulation: Simulation, star: Clone, air: Clone, frame: str, berv: float | None, flag: str
) -> None:
    moved = simulation.spectrum.with_metadata(frame=frame, barycentric_velocity=berv)
    with pytest.raises(InputError) as caught:
        fit_spectrum(moved, star=star, telluric=air)
    assert flag in str(caught.value) and f"frame {frame}" in str(caught.value)


def test_atmosphere_in_barycentric_wavelengths(simulation: Simulation, star: Clone, air: Clone) -> None:
    """Wavelengths times (1 + BERV/c): the air then moves by BERV, the star by its barycentric velocity."""
    berv = -12.5
    [order] = simulation.spectrum.orders
    shifted = replace(order, wavelength=order.wavelength * (1 + berv / 299_792.458))
    spectrum = replace(simulation.spectrum, orders=(shifted,)).with_metadata(frame="barycentric")
    result = fit_spectrum(spectrum, star=star, telluric=air, folds=0, rv_guess=7.5, fix=HELD)
    assert value(result, "radial_velocity") == pytest.approx(20.0 + berv, abs=0.5)
    assert value(result, "radial_velocity_barycentric") == value(result, "radial_velocity")
    assert value(result, "wind_velocity") == pytest.approx(berv, abs=0.3)
    assert result.summary["frame"] == "barycentric"


def test_star_alone_needs_no_frame(simulation: Simulation, star: Clone) -> None:
    spectrum = simulation.spectrum.with_metadata(frame="unknown", barycentric_velocity=None)
    with pytest.warns(BlaseWarning, match="the frame is not stated.*pass --frame"):
        result = fit_spectrum(spectrum, star=star, folds=0, rv_guess=20.0, fix=HELD)
    assert any("frame is not stated" in text for text in result.summary["warnings"])
    assert result.summary["radial_velocity_barycentric"]["value"] is None
    assert "wind_velocity" not in result.summary
    np.testing.assert_allclose(result.orders[0].telluric, 1.0, rtol=1e-12)


def test_resolving_power_must_be_known(simulation: Simulation, star: Clone) -> None:
    spectrum = simulation.spectrum.with_metadata(resolving_power=None, resolving_power_error=None)
    with pytest.raises(InputError, match="--resolving-power"):
        fit_spectrum(spectrum, star=star)
    for wrong in (-5.0, (55_000.0, -1.0), 0.0, 499.0, 1.1e6, float("inf"), (55_000.0, float("nan"))):
        with pytest.raises(InputError, match="out of range"):
            fit_spectrum(spectrum, star=star, resolving_power=wrong)
    result = fit_spectrum(spectrum, star=star, resolving_power=(55_000.0, 0.0), fix=HELD, folds=0)
    assert value(result, "resolving_power") == pytest.approx(55_000.0)


@pytest.mark.parametrize(
    ("option", "word"),
    [
        ({"folds": 1}, "folds"),
        ({"folds": -2}, "folds"),
        ({"continuum_degree": -1}, "degree"),
        ({"continuum_degree": 32}, "degree is out of range\n  found: 32\n  expected: 0 to 31"),
        ({"fix": {"resolving_power": 1.0}}, "resolving_power is out of range"),
        ({"fix": {"wind_velocity": 0.1}}, "wind_velocity means nothing without an atmosphere"),
        ({"free": ["telluric_sigma"]}, "telluric_sigma means nothing without an atmosphere"),
        ({"fix": dict.fromkeys(ALL)}, "nothing is left to fit"),
        ({"fix": dict.fromkeys(ALL[1:]), "resolving_power": (55_000.0, 0.0)}, "nothing is left to fit"),
        ({"device": "tpu"}, "the device is not known\n  found: tpu\n  expected: cpu or cuda"),
        ({"device": "mps"}, "the device is not known"),
        ({"device": "cuda:99"}, "this machine has no CUDA device"),
        ({"wavelength_correction": (0.5, 9)}, "wavelength correction is out of range"),
    ],
)
def test_options_out_of_range(simulation: Simulation, star: Clone, option: dict, word: str) -> None:
    with pytest.raises(InputError, match=word):
        fit_spectrum(simulation.spectrum, star=star, **option)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_device_that_is_not_there_is_named(simulation: Simulation, star: Clone) -> None:
    with pytest.raises(InputError, match=r"this machine has no CUDA device\n  found: cuda\n  expected: cpu"):
        fit_spectrum(simulation.spectrum, star=star, device="cuda")


def test_a_device_that_is_there_is_said_to_be_idle(
    simulation: Simulation, star: Clone, air: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    options = {"star": star, "telluric": air, "folds": 0, "rv_guess": 20.0, "fix": HELD}
    with pytest.warns(BlaseWarning, match="solver computes on the CPU.*nothing of this fit runs on cuda:0"):
        result = fit_spectrum(simulation.spectrum, device="cuda:0", **options)
    assert any("computes on the CPU" in text for text in result.summary["warnings"])
    assert value(result, "radial_velocity") == pytest.approx(20.0, abs=0.5)
    with pytest.raises(
        InputError, match=r"no CUDA device of that number\n  found: cuda:1\n  expected: cuda:0"
    ):
        fit_spectrum(simulation.spectrum, device="cuda:1", **options)


@pytest.mark.parametrize("left", ["radial_velocity", "continuum"])
def test_one_free_parameter_is_enough(simulation: Simulation, star: Clone, left: str) -> None:
    held = {name: {"radial_velocity": 20.0, "vsini": 8.0}.get(name) for name in ALL if name != left}
    result = fit_spectrum(simulation.spectrum, star=star, folds=0, rv_guess=20.0, fix=held)
    assert result.summary["n_parameters"] == (1 if left == "radial_velocity" else 6)


def test_template_is_cloned_where_it_is_needed(simulation: Simulation, star: Clone, tmp_path: Path) -> None:
    sources = (LineTemplate("lines", star.lines), star.write(tmp_path / "star"))
    as_list, as_directory = (
        fit_spectrum(simulation.spectrum, star=s, folds=0, rv_guess=20.0, fix=HELD) for s in sources
    )
    assert value(as_list, "radial_velocity") == pytest.approx(
        value(as_directory, "radial_velocity"), abs=1e-3
    )


def test_lines_that_are_not_seen_are_a_warning(simulation: Simulation, star: Clone) -> None:
    """Noise without lines has no velocity."""
    [order] = simulation.spectrum.orders
    noise = 1 + 0.005 * np.random.default_rng(0).standard_normal(len(order))
    blank = replace(order, flux=noise, uncertainty=np.full(len(order), 0.005))
    with pytest.warns(BlaseWarning, match="are not seen"):
        fit_spectrum(
            replace(simulation.spectrum, orders=(blank,)), star=star, folds=0, fix={**HELD, "vsini": 5.0}
        )


def at_the_end(result: FitResult) -> float:
    """The last objective of the fit of all pixels."""
    return [e["objective"] for e in result.convergence if e["stage"].startswith("fit")][-1]


class Interrupt:
    """Press Ctrl-C at the first event whose stage begins with `stage`."""

    def __init__(self, stage: str) -> None:
        self.stage = stage

    def __call__(self, event: dict[str, Any]) -> None:
        if event["stage"].startswith(self.stage):
            raise KeyboardInterrupt


def test_interrupted_fit_resumes_to_the_same_end(
    simulation: Simulation, star: Clone, air: Clone, fitted: FitResult, tmp_path: Path
) -> None:
    path = tmp_path / "out.checkpoint.safetensors"
    options: dict[str, Any] = {"star": star, "telluric": air, "folds": 0, "checkpoint": path}
    with pytest.raises(KeyboardInterrupt):
        fit_spectrum(simulation.spectrum, progress=Interrupt("starting velocity"), **options)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(KeyboardInterrupt):
        fit_spectrum(simulation.spectrum, progress=Interrupt("fit, pass 2"), **options)
    assert list(tmp_path.iterdir()) == [path]
    resumed = fit_spectrum(simulation.spectrum, resume=True, **options)
    straight = fitted
    assert resumed.converged
    assert at_the_end(resumed) == pytest.approx(at_the_end(straight), rel=0.02)
    assert value(resumed, "radial_velocity") == pytest.approx(value(straight, "radial_velocity"), abs=0.02)
    assert resumed.summary["residual_rms"] == pytest.approx(straight.summary["residual_rms"], rel=0.02)
    with pytest.raises(InputError, match="another fit"):
        fit_spectrum(simulation.spectrum, continuum_degree=4, resume=True, **options)


def test_lines_that_grow_reach_farther(simulation: Simulation, star: Clone) -> None:
    """A line 40 Angstrom away matters once its wings have grown."""
    pixels = [to_pixels(order) for order in simulation.spectrum.orders]
    far = LineList(np.array([8275.0]), np.array([0.01]), np.array([2.0]), np.array([1.0]))
    clone = Clone("stellar", far, (8200.0, 8290.0), {})
    settings = Settings(clone, None, 0.0, 0.0, 0.0, 55_000.0, 0.0, 0.6, 0, freedom(None, None))
    model = build_model(pixels, settings)
    assert model.orders[0].stellar.numel() == 0
    with torch.no_grad():
        model.star.lines.log_strength += np.log(300.0)
    reconsider_reach(model)
    assert model.orders[0].stellar.tolist() == [0]
    model.orders[0].stellar = torch.arange(0)
    reconsider_reach(model)
    assert float(model().detach().min()) < 1 - 1e-5
