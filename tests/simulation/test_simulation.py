"""The simulator against closed forms: one line, the disk, the pixels, noise and scatter."""

import ast
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.interpolate import CubicSpline

import blase.simulation
from blase.constants import SPEED_OF_LIGHT
from blase.containers.line_list import LineList
from blase.errors import InputError
from blase.simulation import EXACT, LineScatter, Simulation, simulate_observation
from blase.simulation.disk import disk_columns, log_doppler, sum_disk
from blase.simulation.scatter import scatter_lines
from blase.simulation.spectrograph import blur, integrate_pixels, line_spread_sigma, pixel_centres
from blase.templates.embedded import embedded_lines

ORDER = (8600.0, 8700.0)


def one_line(centre: float = 8650.0, strength: float = 2e-4, sigma: float = 1.1) -> LineList:
    return LineList(*(np.array([value]) for value in (centre, strength, sigma, 0.0)))


def observe_one(lines: LineList, air: LineList | None = None, **options: Any) -> Simulation:
    defaults: dict[str, Any] = {
        "radial_velocity": 0.0,
        "vsini": 0.0,
        "resolving_power": 55_000.0,
        "wind_velocity": 0.0,
    }
    return simulate_observation(
        lines,
        air,
        wavelength_range=(8640.0, 8660.0),
        n_pixels=1024,
        line_scatter=EXACT,
        telluric_scatter=EXACT,
        telluric_factor=1.0,
        **{**defaults, **options},
    )


def moments(sim: Simulation) -> tuple[float, float, float]:
    """Equivalent width [Angstrom], mean of ln(wavelength) and its variance as a velocity squared."""
    edges = sim.spectrum.orders[0].edges()
    weight = (1 - sim.truth.flux / sim.truth.continuum) * np.diff(edges)
    log_wavelength = np.log(sim.truth.wavelength)
    mean = np.average(log_wavelength, weights=weight)
    variance = np.average((log_wavelength - mean) ** 2, weights=weight) * SPEED_OF_LIGHT**2
    return weight.sum(), mean, variance


def limb_darkened_second_moment(u: float) -> float:
    """<x^2> over the disk by adaptive quadrature of the strip brightness."""

    def strip(x: float) -> float:
        return 2 * (1 - u) * np.sqrt(1 - x * x) + u * np.pi / 2 * (1 - x * x)

    return quad(lambda x: x * x * strip(x), -1, 1)[0] / quad(strip, -1, 1)[0]


@pytest.fixture(scope="module")
def star() -> LineList:
    return embedded_lines("star", wavelength_range=(8550.0, 8750.0))


@pytest.fixture(scope="module")
def air() -> LineList:
    return embedded_lines("telluric", wavelength_range=(8550.0, 8750.0))


@pytest.fixture(scope="module")
def simulation(star: LineList, air: LineList) -> Simulation:
    return simulate_observation(star, air, seed=1, wavelength_range=ORDER)


# One line through everything


@pytest.mark.parametrize("velocity, vsini, power", [(0.0, 0.0, 55e3), (77.0, 8.0, 50e3), (-80.0, 40.0, 30e3)])
@pytest.mark.parametrize("strength", [2e-4, 0.05])
def test_equivalent_width_is_conserved(velocity: float, vsini: float, power: float, strength: float) -> None:
    sim = observe_one(
        one_line(strength=strength), radial_velocity=velocity, vsini=vsini, resolving_power=power
    )
    sigma = 8650.0 * 1.1 / SPEED_OF_LIGHT

    def depth(x: float) -> float:
        return 1 - np.exp(-strength * np.exp(-0.5 * (x / sigma) ** 2) / sigma / np.sqrt(2 * np.pi))

    rest = quad(depth, -10 * sigma, 10 * sigma, epsabs=1e-12)[0]
    doppler = np.sqrt((1 + velocity / SPEED_OF_LIGHT) / (1 - velocity / SPEED_OF_LIGHT))
    assert moments(sim)[0] == pytest.approx(rest * doppler, rel=1e-4)


@pytest.mark.parametrize("velocity", [-80.0, 0.0, 33.0, 80.0])
def test_centroid_is_the_relativistic_velocity(velocity: float) -> None:
    sim = observe_one(one_line(), radial_velocity=velocity, vsini=6.0)
    shift = moments(sim)[1] - np.log(8650.0)
    expected = 0.5 * np.log((1 + velocity / SPEED_OF_LIGHT) / (1 - velocity / SPEED_OF_LIGHT))
    assert abs(shift - expected) * SPEED_OF_LIGHT < 2e-4


@pytest.mark.parametrize("vsini", [0.0, 3.0, 10.0, 40.0])
@pytest.mark.parametrize("limb_darkening", [0.0, 0.6, 1.0])
def test_variances_add_up(vsini: float, limb_darkening: float) -> None:
    sim = observe_one(one_line(strength=2e-5), vsini=vsini, limb_darkening=limb_darkening)
    wavelength = sim.truth.wavelength
    pixel = np.interp(8650.0, wavelength, np.gradient(wavelength)) / 8650.0 * SPEED_OF_LIGHT
    spread = SPEED_OF_LIGHT / 55_000.0 / 2.3548200450309493
    rotation = vsini**2 * limb_darkened_second_moment(limb_darkening)
    assert moments(sim)[2] == pytest.approx(1.1**2 + rotation + spread**2 + pixel**2 / 12, rel=1e-3)


@pytest.mark.parametrize("zeta", [1.5, 4.0])
def test_streams_add_their_variance_and_take_no_light(zeta: float) -> None:
    still, stirred = (
        observe_one(one_line(strength=2e-5), vsini=3.0, macroturbulence=given) for given in (0.0, zeta)
    )
    area, mean, variance = moments(stirred)
    assert area == pytest.approx(moments(still)[0], rel=1e-4) and mean == pytest.approx(moments(still)[1])
    # zeta^2 / 2 along a stream, mu^2 or 1 - mu^2 of it along the line of sight, 1/2 on average over a disc
    assert variance == pytest.approx(moments(still)[2] + zeta**2 / 4, rel=2e-3)
    assert stirred.truth.macroturbulence == zeta


def test_wind_moves_the_atmosphere_and_not_the_star() -> None:
    nothing = one_line(8600.0)
    sim = observe_one(nothing, one_line(sigma=0.35), wind_velocity=12.0, radial_velocity=-30.0, vsini=20.0)
    _, mean, variance = moments(sim)
    assert (mean - np.log(8650.0)) * SPEED_OF_LIGHT == pytest.approx(12.0, abs=3e-3)
    assert variance < 7.0  # not rotated


def test_blurring_comes_after_the_product() -> None:
    deep = one_line(strength=0.3, sigma=1.1)
    truth = observe_one(deep, deep).truth
    product = truth.star * truth.telluric
    both = one_line(strength=0.6, sigma=1.1)
    np.testing.assert_allclose(truth.flux / truth.continuum, observe_one(both).truth.star, atol=1e-6)
    assert np.abs(truth.flux / truth.continuum - product).max() > 0.05


# The stages


def test_disk_columns_integrate_the_closed_form() -> None:
    for u in (0.0, 0.6, 1.0):
        x, weight = disk_columns(100, u)
        assert weight.sum() == pytest.approx(1.0, abs=1e-14)
        assert weight @ x**2 == pytest.approx(limb_darkened_second_moment(u), rel=1e-5)


@pytest.mark.parametrize("vsini", [0.5, 12.0, 40.0])
def test_disk_agrees_with_a_polar_grid_of_elements(vsini: float) -> None:
    sigma, u = 1.08, 0.6
    velocity = np.arange(-60.0, 60.0, 0.15)
    rest = CubicSpline(velocity / SPEED_OF_LIGHT, 1 - 0.9 * np.exp(-0.5 * (velocity / sigma) ** 2))
    at = np.arange(-45.0, 45.0, 1.7) / SPEED_OF_LIGHT
    found = sum_disk(rest, at, radial_velocity=0.0, vsini=vsini, limb_darkening=u)
    radius = (np.arange(600) + 0.5) / 600
    angle = 2 * np.pi * (np.arange(600) + 0.5) / 600
    weight = radius * (1 - u + u * np.sqrt(1 - radius**2))
    x = radius[:, None] * np.cos(angle)

    def element_sum(velocity: float) -> float:
        element = 1 - 0.9 * np.exp(-0.5 * ((velocity - vsini * x) / sigma) ** 2)
        return float(np.average(element.mean(axis=1), weights=weight))

    expected = [element_sum(place * SPEED_OF_LIGHT) for place in at]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_doppler_composes_like_velocities() -> None:
    first, second = 20_000.0, 40_000.0
    composed = (first + second) / (1 + first * second / SPEED_OF_LIGHT**2)
    assert log_doppler(first) + log_doppler(second) == pytest.approx(log_doppler(composed), rel=1e-12)


def test_blur_has_the_stated_resolving_power() -> None:
    step = 0.05
    impulse = np.zeros(2001)
    impulse[1000] = 1.0
    kernel = blur(impulse, step=step, resolving_power=55_000.0)
    velocity = (np.arange(2001) - 1000) * step
    half = np.interp(-0.5 * kernel.max(), -kernel[1000:], velocity[1000:])
    assert 2 * half == pytest.approx(SPEED_OF_LIGHT / 55_000.0, rel=1e-3)
    assert line_spread_sigma(55_000.0) == pytest.approx(2.3147, rel=1e-4)


def test_pixels_hold_the_mean_of_a_known_function() -> None:
    centres = pixel_centres(8600.0, 8602.0, 40)
    grid = np.linspace(np.log(8599.0), np.log(8603.0), 4001)
    found = integrate_pixels(centres, grid, np.sin(20 * (np.exp(grid) - 8600.0)))
    edges = np.concatenate(([1.5 * centres[0] - 0.5 * centres[1]], (centres[1:] + centres[:-1]) / 2, [0.0]))
    edges[-1] = 1.5 * centres[-1] - 0.5 * centres[-2]
    exact = -np.diff(np.cos(20 * (edges - 8600.0))) / 20 / np.diff(edges)
    np.testing.assert_allclose(found, exact, atol=1e-4)


# The whole order


def test_flux_lies_between_zero_and_continuum(simulation: Simulation) -> None:
    truth = simulation.truth
    for light in (truth.flux / truth.continuum, truth.star, truth.telluric):
        assert light.min() > 0 and light.max() <= 1 + 1e-9
    assert truth.flux.min() / truth.continuum.max() < 0.3
    assert truth.wavelength[0] > ORDER[0] and truth.wavelength[-1] < ORDER[1]


def test_noise_has_the_stated_size(simulation: Simulation) -> None:
    order, truth = simulation.spectrum.orders[0], simulation.truth
    good = ~order.mask
    assert np.count_nonzero(~good) == 5 and np.isnan(order.flux[~good]).all()
    pull = (order.flux - truth.flux)[good] / order.uncertainty[good]
    assert abs(pull.mean()) < 4 / np.sqrt(pull.size)
    assert abs(pull.std() - 1) < 4 / np.sqrt(2 * pull.size)
    at_continuum = truth.continuum.mean() / 200.0
    expected = at_continuum * np.sqrt((truth.flux / truth.continuum.mean() + 1e-3) / (1 + 1e-3))
    np.testing.assert_allclose(order.uncertainty[good], expected[good], rtol=1e-12)


def test_metadata_tell_what_an_observer_would_know(simulation: Simulation) -> None:
    meta = simulation.spectrum.metadata
    assert meta.frame == "observatory" and meta.resolving_power == 55_000.0
    assert meta.resolving_power_error == pytest.approx(1650.0)
    assert simulation.truth.resolving_power != 55_000.0


def test_barycentric_velocity_composes() -> None:
    truth = observe_one(one_line(), radial_velocity=50.0, barycentric_velocity=-27.5).truth
    product = (1 + 50.0 / SPEED_OF_LIGHT) * (1 - 27.5 / SPEED_OF_LIGHT)
    assert truth.radial_velocity_barycentric == pytest.approx((product - 1) * SPEED_OF_LIGHT, abs=1e-6)


def test_same_seed_same_night_other_seed_other_star(star: LineList, air: LineList) -> None:
    options: dict[str, Any] = {"wavelength_range": (8640.0, 8660.0), "n_pixels": 400}
    first, again, other = (simulate_observation(star, air, seed=seed, **options) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.spectrum.orders[0].flux, again.spectrum.orders[0].flux)
    assert first.truth.radial_velocity != other.truth.radial_velocity
    assert first.truth.vsini != other.truth.vsini
    assert not np.array_equal(first.truth.star_lines.lines.strength, other.truth.star_lines.lines.strength)


def test_stating_one_parameter_leaves_the_rest_of_the_draw_alone() -> None:
    free, fixed = (
        simulate_observation(
            one_line(), seed=9, wavelength_range=(8640.0, 8660.0), n_pixels=200, vsini=vsini
        ).truth
        for vsini in (None, 4.0)
    )
    assert fixed.vsini == 4.0 and free.vsini != 4.0
    assert fixed.radial_velocity == free.radial_velocity and fixed.resolving_power == free.resolving_power


def test_globals_are_drawn_from_their_ranges() -> None:
    lines = one_line()
    truths = [
        simulate_observation(lines, seed=seed, wavelength_range=(8645.0, 8655.0), n_pixels=60).truth
        for seed in range(40)
    ]
    velocity, vsini, power = np.array([(t.radial_velocity, t.vsini, t.resolving_power) for t in truths]).T
    assert -80 <= velocity.min() < -40 and 40 < velocity.max() <= 80
    assert 2 <= vsini.min() < 4 and 10 < vsini.max() <= 12
    assert 0.01 < (power / 55_000.0).std() < 0.03 and abs((power / 55_000.0).mean() - 1) < 0.012


# The scatter of lines


def test_scatter_has_the_stated_size() -> None:
    template = embedded_lines("star", wavelength_range=(8000.0, 9000.0))
    true = scatter_lines(template, LineScatter(), np.random.default_rng(0))
    index = true.template_index
    n = len(template)
    assert template.species is not None and true.lines.species is not None
    assert len(true.lines) == n and np.array_equal(np.sort(index), np.arange(n))
    np.testing.assert_array_equal(template.species[index], true.lines.species)
    centre = (true.lines.centre / template.centre[index] - 1) * SPEED_OF_LIGHT
    deviations = {
        0.15: centre,
        0.2: np.log10(true.lines.strength / template.strength[index]),
        0.1: np.log10(true.lines.sigma / template.sigma[index]),
        0.1 + 1e-12: np.log10(true.lines.gamma / template.gamma[index]),
    }
    for size, deviation in deviations.items():
        assert abs(deviation.mean()) < 4 * size / np.sqrt(n)
        assert abs(deviation.std() - size) < 4 * size / np.sqrt(2 * n)
    assert abs(true.missing.mean() - 0.03) < 4 * np.sqrt(0.03 * 0.97 / n)


def test_missing_lines_are_flagged_and_absent(simulation: Simulation) -> None:
    true = simulation.truth.star_lines
    assert true.missing.any() and len(true.present()) == len(true.lines) - true.missing.sum()
    assert (true.strength()[true.missing] == 0).all() and (true.strength()[~true.missing] > 0).all()
    lost = observe_one(one_line(strength=0.1)).truth
    assert lost.flux.min() < 0.9 * lost.continuum.min()
    gone = simulate_observation(
        one_line(strength=0.1), wavelength_range=(8645.0, 8655.0), line_scatter=LineScatter(missing=1.0)
    ).truth
    np.testing.assert_allclose(gone.flux, gone.continuum, rtol=1e-12)


def test_tellurics_share_one_factor(simulation: Simulation, air: LineList) -> None:
    true = simulation.truth.telluric_lines
    ratio = np.log10(true.lines.strength / air.strength[true.template_index])
    n = len(air)
    assert abs(ratio.mean() - np.log10(simulation.truth.telluric_factor)) < 4 * 0.03 / np.sqrt(n)
    assert abs(ratio.std() - 0.03) < 4 * 0.03 / np.sqrt(2 * n)
    np.testing.assert_array_equal(true.lines.sigma, air.sigma)


# The package


def test_simulator_shares_no_code_with_the_forward_model() -> None:
    for path in Path(blase.simulation.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                assert not node.module.startswith(("blase.functional", "blase.model", "blase.fit", "torch"))


def test_an_order_takes_less_than_three_seconds(star: LineList, air: LineList) -> None:
    start = time.process_time()
    simulate_observation(star, air, seed=2, wavelength_range=ORDER, vsini=40.0)
    assert time.process_time() - start < 3.0


@pytest.mark.parametrize(
    "options",
    [
        {"vsini": -1.0},
        {"vsini": float("nan")},
        {"resolving_power": 0.0},
        {"limb_darkening": 1.5},
        {"macroturbulence": -1.0},
        {"signal_to_noise": 0.0},
        {"continuum_level": -1.0},
        {"n_pixels": 3},
        {"telluric_factor": 0.0},
        {"radial_velocity": 1e5},
        {"wavelength_range": (8700.0, 8600.0)},
        {"seed": -1},
    ],
)
def test_bad_input_names_the_parameter(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(options))):
        simulate_observation(one_line(), **{"wavelength_range": ORDER, **options})
