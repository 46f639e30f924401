import itertools
import time

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from blase.constants import SPEED_OF_LIGHT
from blase.errors import InputError
from blase.functional.grid import log_grid
from blase.functional.line_spread import velocity_sigma
from blase.functional.pixels import integrate_pixels, pixel_weights

GRID = log_grid(8650.0, 8660.0, step=0.25)
SIGMA = velocity_sigma(1e5)


def line(wavelength, centre=8655.0):
    """A line as sharp as an instrument of R = 100,000 allows: black at its centre."""
    v = SPEED_OF_LIGHT * np.log(wavelength / centre)
    return 1 - np.exp(-0.5 * (v / SIGMA) ** 2)


def quadrature(lower, upper):
    return quad(line, lower, upper, epsabs=1e-13, epsrel=1e-12)[0] / (upper - lower)


@pytest.mark.parametrize("width", [0.003, 0.02, 0.05, 0.3])
def test_matches_quadrature(width):
    edges = 8654.8 + width * np.arange(max(3, int(0.4 / width)))
    model = integrate_pixels(torch.tensor(line(GRID.numpy())), pixel_weights(GRID, edges))
    expected = [quadrature(a, b) for a, b in itertools.pairwise(edges)]
    np.testing.assert_allclose(model.numpy(), expected, atol=1e-7)


def test_constant_and_linear_flux_are_exact():
    rng = np.random.default_rng(5)
    edges = np.sort(rng.uniform(float(GRID[0]), float(GRID[-1]), 300))
    weights = pixel_weights(GRID, torch.tensor(edges))
    np.testing.assert_allclose(weights.weight.sum(-1).numpy(), 1.0, atol=1e-12)
    centres = 0.5 * (edges[:-1] + edges[1:])
    np.testing.assert_allclose(integrate_pixels(GRID, weights).numpy(), centres, rtol=1e-13)


def test_jacobian_of_a_wide_pixel():
    # the mean over wavelength of 1/lambda is ln(b/a)/(b - a); without the Jacobian it would be larger
    grid = log_grid(5000.0, 6000.0, step=100.0)
    weights = pixel_weights(grid, np.array([5100.0, 5900.0]))
    expected = np.log(5900.0 / 5100.0) / 800.0
    assert float(integrate_pixels(1 / grid, weights)[0]) == pytest.approx(expected, rel=1e-13)


def test_pixels_may_touch_the_ends_of_the_grid():
    edges = np.array([float(GRID[0]), 8650.01, 8650.02])
    top = np.array([8659.99, float(GRID[-1])])
    for pixels in (edges, top):
        expected = 0.5 * (pixels[:-1] + pixels[1:])
        result = integrate_pixels(GRID, pixel_weights(GRID, pixels))
        np.testing.assert_allclose(result.numpy(), expected, rtol=1e-13)


def test_pairs_may_leave_gaps_and_overlap():
    edges = np.array([8652.0, 8652.05, 8652.1])
    whole = pixel_weights(GRID, edges)
    pairs = pixel_weights(GRID, np.array([[8652.0, 8652.05], [8652.05, 8652.1], [8652.0, 8652.1]]))
    flux = torch.tensor(line(GRID.numpy(), 8652.04))
    first, second, both = integrate_pixels(flux, pairs)
    torch.testing.assert_close(torch.stack([first, second]), integrate_pixels(flux, whole))
    assert float(both) == pytest.approx(float(first + second) / 2, abs=1e-10)


def test_rows_are_padded_with_zero_weight_inside_the_grid():
    weights = pixel_weights(GRID, np.array([[8652.0, 8652.01], [8659.9, float(GRID[-1])]]))
    assert weights.index.dtype == torch.int64
    assert weights.index.shape == weights.weight.shape
    assert int(weights.index.max()) == len(GRID) - 1
    short = weights.weight[0]
    assert float(short[-1]) == 0.0 and float(short[0]) != 0.0


def test_batches_and_gradients():
    weights = pixel_weights(GRID[:40], np.linspace(8650.05, 8650.2, 6))
    flux = torch.rand(2, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    assert integrate_pixels(flux, weights).shape == (2, 5)
    torch.autograd.gradcheck(lambda f: integrate_pixels(f, weights), flux, check_forward_ad=True)


def test_an_order_is_built_quickly():
    grid = log_grid(8600.0, 8800.0, step=0.25)
    edges = np.linspace(8620.0, 8780.0, 2049)
    times = []
    for _ in range(3):
        start = time.process_time()
        pixel_weights(grid, edges)
        times.append(time.process_time() - start)
    assert min(times) < 0.5


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ([8649.9, 8652.0], "beyond the model grid"),
        ([8659.0, 8661.0], "beyond the model grid"),
        ([8652.0, 8651.0], "not increasing"),
        ([8652.0, np.nan], "not increasing"),
        ([[8652.0, 8653.0, 8654.0]], "wrong shape"),
    ],
)
def test_rejects_bad_edges(edges, message):
    with pytest.raises(InputError, match=message):
        pixel_weights(GRID, np.array(edges))


def test_rejects_a_grid_that_is_not_logarithmic():
    with pytest.raises(InputError, match="log_grid"):
        pixel_weights(np.linspace(8650.0, 8660.0, 1000), np.array([8652.0, 8653.0]))
