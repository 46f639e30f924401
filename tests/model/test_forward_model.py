"""The forward model against direct integrals: analytic lines, quadrature over the disc, dense convolution."""

import math

import numpy as np
import pytest
import scipy.special
import torch
from scipy.interpolate import CubicSpline

from blase.functional.continuum import normalised_coordinate
from blase.functional.grid import log_grid
from blase.functional.optical_depth import sampling
from blase.functional.pixels import pixel_weights
from blase.model.atmosphere import Atmosphere
from blase.model.forward import OrderModel, SpectrumModel
from blase.model.instrument import LegendreContinuum, LineSpread
from blase.model.lines import VoigtLines
from blase.model.star import Star

C = 299_792.458
FLUX_TOLERANCE = 1e-5
STELLAR = np.array(  # centre [Angstrom], strength [Angstrom], sigma [km/s], gamma [km/s]
    [
        [8631.2, 0.03, 1.6, 0.2],
        [8632.9, 0.4, 2.0, 1.0],
        [8634.0, 0.08, 1.0, 1e-6],
        [8635.1, 6.0, 2.5, 3.0],
        [8637.3, 0.15, 1.8, 0.5],
    ]
)
TELLURIC = np.array([[8631.5, 0.05, 1.0, 0.3], [8633.1, 0.8, 1.0, 0.6], [8637.2, 0.1, 1.1, 0.2]])
EDGES = np.concatenate([np.arange(8630.5, 8636.0, 0.05), np.arange(8636.02, 8638.0, 0.06)])
RESOLVING_POWER = 60_000.0


def double(values):
    return torch.as_tensor(values, dtype=torch.float64)


def lines(table):
    centre, strength, sigma, gamma = double(table).T
    return VoigtLines(centre=centre, strength=strength, sigma=sigma, gamma=gamma)


def order_model(edges=EDGES, *, step=0.25, blaze=None, degree=None, stellar=5, telluric=3):
    grid = log_grid(edges[0] - 2.0, edges[-1] + 2.0, step=step)
    centres = double(0.5 * (edges[1:] + edges[:-1]))
    continuum = None
    if degree is not None:
        continuum = LegendreContinuum(normalised_coordinate(centres), degree=degree, scale=7.0)
    return OrderModel(
        sampling(grid),
        pixels=pixel_weights(grid, edges),
        stellar=torch.arange(stellar),
        telluric=torch.arange(telluric),
        continuum=continuum,
        blaze=blaze,
    )


def spectrum_model(orders=None, *, velocity=0.0, vsini=0.0, wind=0.0, rotates=True, macroturbulence=0.0):
    return SpectrumModel(
        [order_model()] if orders is None else orders,
        star=Star(
            lines(STELLAR),
            radial_velocity=velocity,
            vsini=vsini,
            rotates=rotates,
            macroturbulence=macroturbulence,
        ),
        atmosphere=Atmosphere(lines(TELLURIC), wind_velocity=wind),
        line_spread=LineSpread(RESOLVING_POWER),
    )


def transmission(wavelength, table, velocity=0.0):
    """exp(-tau) of lines that recede at `velocity`, from scipy's profile in the frame of the absorber."""
    rest = wavelength / math.sqrt((1 + velocity / C) / (1 - velocity / C))
    tau = np.zeros_like(rest)
    for c, a, sigma, gamma in table:
        tau += a * scipy.special.voigt_profile(rest - c, sigma * c / C, gamma * c / C)
    return np.exp(-tau)


def rotated(wavelength, velocity, vsini, limb):
    """Mean of shifted spectra over the disc: Gauss-Legendre in theta with v = vsini sin(theta)."""
    if vsini == 0:
        return transmission(wavelength, STELLAR, velocity)
    nodes, weights = np.polynomial.legendre.leggauss(48)
    theta = 0.5 * np.pi * nodes
    density = (2 * (1 - limb) * np.cos(theta) + 0.5 * np.pi * limb * np.cos(theta) ** 2) * np.cos(theta)
    share = 0.5 * np.pi * weights * density / (np.pi * (1 - limb / 3))
    return sum(
        w * transmission(wavelength * math.exp(-vsini * math.sin(t) / C), STELLAR, velocity)
        for w, t in zip(share, theta, strict=True)
    )


def brute_force(edges=EDGES, *, velocity=0.0, vsini=0.0, wind=0.0, limb=0.6, streams=None):
    """Blurred and pixel-averaged star x telluric by dense direct convolution, no Fourier transform.

    `streams` is a kernel of velocities on the star's surface, every 0.1 km/s.
    """
    step = 0.1
    x = np.arange(math.log(edges[0] - 1.2) * C, math.log(edges[-1] + 1.2) * C, step)
    star = rotated(np.exp(x / C), velocity, vsini, limb)
    if streams is not None:
        star = 1 - np.convolve(1 - star, streams, mode="same")
    light = star * transmission(np.exp(x / C), TELLURIC, wind)
    sigma = C / RESOLVING_POWER / (2 * math.sqrt(2 * math.log(2)))
    v = np.arange(-round(9 * sigma / step), round(9 * sigma / step) + 1) * step
    kernel = np.exp(-0.5 * (v / sigma) ** 2) / (math.sqrt(2 * math.pi) * sigma) * step
    blurred = CubicSpline(x[len(v) // 2 : -(len(v) // 2)], np.convolve(light, kernel, mode="valid"))
    nodes, weights = np.polynomial.legendre.leggauss(12)
    middle, half = 0.5 * (edges[1:] + edges[:-1]), 0.5 * np.diff(edges)
    return blurred(C * np.log(middle[:, None] + half[:, None] * nodes)) @ weights / 2


@pytest.mark.parametrize(
    ("velocity", "vsini", "wind"), [(0.0, 0.0, 0.0), (12.3, 4.0, -0.02), (-25.0, 15.0, 0.3), (3.0, 0.4, 0.0)]
)
def test_agrees_with_direct_integration(velocity, vsini, wind):
    model = spectrum_model(velocity=velocity, vsini=vsini, wind=wind)
    expected = brute_force(velocity=velocity, vsini=vsini, wind=wind)
    assert expected.min() < 0.3
    assert np.abs(model().detach().numpy() - expected).max() < FLUX_TOLERANCE


def test_macroturbulence_is_the_mean_over_the_streams_of_the_disc():
    zeta, edges = 4.0, EDGES
    model = spectrum_model(macroturbulence=zeta)
    nodes, weights = np.polynomial.legendre.leggauss(120)
    mu, share = 0.5 * (nodes + 1), 0.5 * weights
    spread = zeta / np.sqrt(2) * np.concatenate([mu, np.sqrt(1 - mu**2)])
    v = np.arange(-24.0, 24.05, 0.1)
    gauss = np.exp(-0.5 * (v[:, None] / spread) ** 2) / spread
    kernel = gauss / gauss.sum(axis=0) @ np.concatenate([mu * share, mu * share])
    with np.errstate(under="ignore"):
        expected = brute_force(edges, streams=kernel)
    assert np.abs(expected - brute_force(edges)).max() > 0.05
    assert np.abs(model().detach().numpy() - expected).max() < 3 * FLUX_TOLERANCE


def test_star_and_telluric_are_multiplied_before_the_blur():
    # A saturated telluric line hides the stellar line behind it; a product of blurred spectra does not know.
    model = spectrum_model(velocity=6.9, wind=0.0)  # moves the line at 8632.9 onto the one at 8633.1
    light = model.light()[0]
    assert float((light.model - light.star * light.telluric).detach().abs().max()) > 0.01
    assert np.abs(light.model.detach().numpy() - brute_force(velocity=6.9)).max() < FLUX_TOLERANCE


def test_components_are_blurred_alone():
    model = spectrum_model(velocity=4.0, vsini=3.0)
    light = model.light()[0]
    without_air = SpectrumModel(list(model.orders), star=model.star, line_spread=model.line_spread)
    without_star = SpectrumModel(
        list(model.orders), atmosphere=model.atmosphere, line_spread=model.line_spread
    )
    torch.testing.assert_close(light.model, model(), rtol=0, atol=1e-13)
    torch.testing.assert_close(light.star, without_air(), rtol=0, atol=1e-13)
    torch.testing.assert_close(light.telluric, without_star(), rtol=0, atol=1e-13)
    assert torch.equal(light.continuum.detach(), torch.ones_like(light.model))


def deepest(star, wavelength):
    grid = sampling(wavelength)
    return float(wavelength[star.intrinsic(grid, torch.arange(1)).argmin()])


@pytest.mark.parametrize("velocity", [30.0, -30.0, 3000.0])
def test_a_receding_star_is_redder_and_the_shift_relativistic(velocity):
    star = Star(lines(STELLAR[2:3]), radial_velocity=velocity)
    expected = STELLAR[2, 0] * math.sqrt((C + velocity) / (C - velocity))
    wavelength = torch.linspace(expected - 0.5, expected + 0.5, 20001, dtype=torch.float64)
    assert deepest(star, wavelength) == pytest.approx(expected, abs=1e-4)
    assert (expected > STELLAR[2, 0]) == (velocity > 0)


def test_a_moving_absorber_has_the_same_depth_at_matching_wavelengths():
    absorber, velocity = lines(STELLAR), 800.0
    rest = torch.linspace(8630, 8639, 500, dtype=torch.float64)
    seen = rest * math.sqrt((C + velocity) / (C - velocity))
    every = torch.arange(len(STELLAR))
    torch.testing.assert_close(
        absorber(sampling(seen), velocity, every), absorber(sampling(rest), 0.0, every), rtol=1e-6, atol=2e-7
    )


@torch.no_grad()
def test_centre_shift_of_one_line_is_a_velocity_of_that_line():
    shifted, moving = lines(STELLAR[:1]), lines(STELLAR[:1])
    shifted.centre_shift[0] = 5.0
    index = torch.arange(1)
    one, other = shifted.observed(0.0, index), moving.observed(5.0, index)
    assert float(one["centre"]) == pytest.approx(float(other["centre"]), rel=1e-14)
    assert float(one["strength"]) == pytest.approx(STELLAR[0, 1], rel=1e-14)
    assert float(one["sigma"]) == pytest.approx(STELLAR[0, 2] * float(one["centre"]) / C, rel=1e-14)


def test_shared_scales_multiply_every_line():
    absorber = lines(STELLAR)
    with torch.no_grad():
        for scale, factor in (("strength", 2.0), ("sigma", 1.5), ("gamma", 0.25)):
            getattr(absorber, f"log_{scale}_scale").fill_(math.log(factor))
    changed, plain = (a.observed(0.0, torch.arange(5)) for a in (absorber, lines(STELLAR)))
    for name, factor in (("centre", 1.0), ("strength", 2.0), ("sigma", 1.5), ("gamma", 0.25)):
        torch.testing.assert_close(changed[name], factor * plain[name], rtol=1e-14, atol=0)


@torch.no_grad()
def test_no_rotation_is_the_identity_and_its_slope_is_known():
    still, plain = spectrum_model(vsini=0.0), spectrum_model(rotates=False)
    torch.testing.assert_close(still(), plain(), rtol=0, atol=1e-12)

    def flux(vsini_squared):
        return torch.func.functional_call(still, {"star.vsini_squared": vsini_squared}, ())

    zero = double(0.0)
    _, slope = torch.func.jvp(flux, (zero,), (double(1.0),))
    slow = (flux(double(0.01)) - flux(zero)) / 0.01
    torch.testing.assert_close(slope, slow, rtol=0, atol=1e-2 * float(slow.abs().max()))
    assert float(slope.abs().max()) > 1e-4


def test_continuum_and_blaze_scale_the_flux():
    x = np.linspace(-1, 1, EDGES.size - 1)
    blaze = double(np.cos(0.5 * x))
    order = order_model(blaze=blaze, degree=2)
    with torch.no_grad():
        order.continuum.coefficients.copy_(double([1.1, -0.2, 0.05]))
    model, bare = spectrum_model([order]), spectrum_model()
    middle = 0.5 * (EDGES[1:] + EDGES[:-1])
    t = 2 * (middle - middle[0]) / (middle[-1] - middle[0]) - 1
    smooth = 7.0 * np.polynomial.legendre.legval(t, [1.1, -0.2, 0.05]) * blaze.numpy()
    np.testing.assert_allclose(model().detach().numpy(), bare().detach().numpy() * smooth, rtol=1e-12)
    np.testing.assert_allclose(model.light()[0].continuum.detach().numpy(), smooth, rtol=1e-12)


def test_orders_follow_one_another_and_share_the_star():
    first, second = order_model(EDGES[:60]), order_model(EDGES[50:])
    both = spectrum_model([first, second], velocity=9.0, vsini=2.0)
    alone = [spectrum_model([o], velocity=9.0, vsini=2.0)() for o in (first, second)]
    torch.testing.assert_close(both(), torch.cat(alone), rtol=0, atol=0)
    whole = spectrum_model(velocity=9.0, vsini=2.0)()
    torch.testing.assert_close(alone[0], whole[:59], rtol=0, atol=FLUX_TOLERANCE)


def test_an_order_sees_only_the_lines_it_is_given():
    order = order_model(stellar=2, telluric=0)
    few = SpectrumModel([order], star=Star(lines(STELLAR)), atmosphere=Atmosphere(lines(TELLURIC)))
    same = SpectrumModel([order_model(stellar=2)], star=Star(lines(STELLAR[:2])))
    torch.testing.assert_close(few(), same(), rtol=0, atol=1e-13)


def test_state_dict_round_trip_restores_the_flux():
    order = order_model(degree=3)
    model = spectrum_model([order], velocity=7.0, vsini=3.0, wind=0.1)
    with torch.no_grad():
        for k, parameter in enumerate(model.parameters()):
            parameter += 0.01 * (k + 1)
    fresh = spectrum_model([order_model(degree=3)])
    assert float((fresh() - model()).detach().abs().max()) > 1e-3
    fresh.load_state_dict(model.state_dict())
    assert torch.equal(fresh(), model())
    for name in ("star.lines.centre", "star.vsini_squared", "line_spread.log_resolving_power"):
        assert name in model.state_dict()


def test_without_pixels_the_model_is_the_transmission_at_the_samples():
    wavelength = np.linspace(8630.0, 8639.0, 700)
    order = OrderModel(
        sampling(double(wavelength)), pixels=None, stellar=torch.arange(5), telluric=torch.arange(0)
    )
    model = SpectrumModel([order], star=Star(lines(STELLAR), radial_velocity=2.0, rotates=False))
    expected = transmission(wavelength, STELLAR, 2.0)
    np.testing.assert_allclose(model().detach().numpy(), expected, rtol=0, atol=1e-6)


def test_the_grid_has_converged():
    narrow = np.array([[8631.0, 0.02, 1.0, 0.0001], [8633.0, 5.0, 1.0, 0.1], [8635.0, 0.3, 1.0, 0.5]])
    fluxes = [
        SpectrumModel(
            [order_model(step=step, stellar=3)],
            star=Star(lines(narrow), radial_velocity=1.37, vsini=1.0),
            line_spread=LineSpread(RESOLVING_POWER),
        )()
        for step in (0.25, 0.1)
    ]
    assert float((fluxes[0] - fluxes[1]).detach().abs().max()) < FLUX_TOLERANCE


def test_gauss_hermite_terms_are_parameters_only_when_asked_for():
    names = {name for name, _ in LineSpread(RESOLVING_POWER, gaussian=False).named_parameters()}
    assert names == {"log_resolving_power", "h3", "h4"}
    assert [n for n, _ in LineSpread(RESOLVING_POWER).named_parameters()] == ["log_resolving_power"]


def test_positive_h3_puts_the_longer_tail_on_the_red_side():
    step, n = 0.25, 1024
    flux = torch.ones(n, dtype=torch.float64)
    flux[n // 2] = 0.0
    skewed = LineSpread(RESOLVING_POWER, gaussian=False)
    torch.testing.assert_close(
        skewed(flux, step), LineSpread(RESOLVING_POWER)(flux, step), rtol=0, atol=1e-14
    )
    with torch.no_grad():
        skewed.h3.fill_(0.1)
    depth = (1 - skewed(flux, step)).detach().numpy()
    v = step * (np.arange(n) - n // 2)
    mean = (depth * v).sum() / depth.sum()
    assert (depth * (v - mean) ** 3).sum() > 0


def test_gradient_of_the_whole_model_matches_finite_differences():
    model = spectrum_model([order_model(degree=2)], velocity=5.0, vsini=4.0)
    known = dict(model.named_parameters())
    bar = double(np.random.default_rng(0).standard_normal(EDGES.size - 1))
    gradient = torch.autograd.grad((bar * model()).sum(), list(known.values()), allow_unused=True)
    for (name, parameter), slope in zip(known.items(), gradient, strict=True):
        step = 1e-3
        direction = torch.ones_like(parameter)
        sides = [
            float(
                (bar * torch.func.functional_call(model, {name: parameter + sign * step * direction}, ()))
                .sum()
                .detach()
            )
            for sign in (1, -1)
        ]
        expected = (sides[0] - sides[1]) / (2 * step)
        assert float(slope.detach().sum()) == pytest.approx(expected, rel=1e-4, abs=1e-4), name
