"""One conformance suite that every back end of the optical depth inherits; the oracle is scipy's profile."""

import math

import numpy as np
import pytest
import scipy.special
import torch

from blase.errors import InputError
from blase.functional import parallel
from blase.functional.optical_depth import optical_depth, sampling
from blase.functional.voigt import optical_depth_reference

NAMES = ("centre", "strength", "sigma", "gamma")
FLUX_TOLERANCE = 1e-5


def brute_force(wavelength, lines):
    """Sum over all lines at all samples, profile from scipy, shape (n,)."""
    total = np.zeros(wavelength.size)
    for c, a, s, g in zip(*lines, strict=True):
        total += a * scipy.special.voigt_profile(wavelength - c, s, g)
    return total


def reference_pieces(wavelength, lines, pieces=10):
    """Gradient tensors and value of the reference, a few lines at a time to save memory."""
    for index in np.array_split(np.arange(lines[0].size), pieces):
        tensors = [torch.tensor(p[index], requires_grad=True) for p in lines]
        value = optical_depth_reference(
            torch.from_numpy(wavelength), **dict(zip(NAMES, tensors, strict=True))
        )
        yield index, tensors, value


def crowded_lines(count, lower, upper, *, seed=1):
    """A cool star's lines: strengths over four decades, sigma near 2 km/s, and two with very wide wings."""
    draw = np.random.default_rng(seed)
    centre = np.sort(draw.uniform(lower, upper, count))
    kms = centre / 299792.458
    strength = 10 ** draw.uniform(-4, -0.5, count)
    sigma, gamma = kms * draw.uniform(1.2, 3.5, count), kms * 10 ** draw.uniform(-3, 0.3, count)
    for k, (a, g) in ((count // 3, (8.0, 1.5)), (3 * count // 4, (30.0, 3.0))):
        strength[k], gamma[k] = a, g * kms[k]
    return centre, strength, sigma, gamma


GRID = np.arange(8590.0, 8700.0, 0.02)
CROWD = crowded_lines(800, 8588.0, 8702.0)
SOME = tuple(p[8::16] for p in CROWD)  # with the strongest line


@pytest.fixture(scope="module")
def crowd_depth():
    return brute_force(GRID, CROWD)


class OpticalDepthConformance:
    """Subclass with `backend` (and `device`); every test then runs on it."""

    backend: str | None
    device = "cpu"

    def depth(self, wavelength, lines):
        grid = sampling(torch.as_tensor(wavelength, dtype=torch.float64, device=self.device))
        tensors = [torch.as_tensor(p, dtype=torch.float64, device=self.device) for p in lines]
        return optical_depth(grid, **dict(zip(NAMES, tensors, strict=True)), backend=self.backend)

    def function(self, wavelength):
        """Optical depth as a function of (centre, ln strength, ln sigma, ln gamma)."""
        grid = sampling(torch.as_tensor(wavelength, dtype=torch.float64, device=self.device))

        def evaluate(centre, *logarithms):
            values = (centre, *(torch.exp(p) for p in logarithms))
            return optical_depth(grid, **dict(zip(NAMES, values, strict=True)), backend=self.backend)

        return evaluate

    def point(self, lines, *, requires_grad=False):
        values = (lines[0], *(np.log(p) for p in lines[1:]))
        return [torch.tensor(p, device=self.device, requires_grad=requires_grad) for p in values]

    def flux_error(self, wavelength, lines, expected=None):
        result = self.depth(wavelength, lines).cpu().numpy()
        expected = brute_force(np.asarray(wavelength), lines) if expected is None else expected
        return np.abs(np.exp(-result) - np.exp(-expected)).max()

    def test_flux_of_a_crowded_spectrum_with_saturated_lines(self, crowd_depth):
        assert crowd_depth.max() > 50
        assert self.flux_error(GRID, CROWD, crowd_depth) < FLUX_TOLERANCE

    def test_flux_on_a_fine_grid_of_narrow_lines(self):
        wavelength = np.arange(5000.0, 5006.0, 0.001)
        assert self.flux_error(wavelength, crowded_lines(80, 4998.0, 5008.0, seed=2)) < FLUX_TOLERANCE

    def test_flux_on_uneven_samples_with_a_gap(self):
        draw = np.random.default_rng(3)
        wavelength = np.sort(np.concatenate([draw.uniform(8590, 8615, 900), draw.uniform(8650, 8700, 2100)]))
        lines = tuple(p[::4] for p in CROWD)
        assert self.flux_error(wavelength, lines) < FLUX_TOLERANCE

    @pytest.mark.parametrize("count", [2, 3, 7, 70])
    def test_flux_on_short_grids(self, count):
        assert (
            self.flux_error(np.linspace(8628.0, 8629.0, count), tuple(p[::4] for p in CROWD)) < FLUX_TOLERANCE
        )

    @pytest.mark.parametrize("gamma", [1e-12, 1e-6, 0.02, 1.0])
    @pytest.mark.parametrize("centre", [8589.0, 8590.0, 8640.0031, 8699.99, 8703.0])
    def test_a_single_line_inside_at_the_border_and_outside(self, centre, gamma):
        line = tuple(np.array([p]) for p in (centre, 0.5, 0.05, gamma))
        wavelength = GRID[::2]
        error = np.abs(self.depth(wavelength, line).cpu().numpy() - brute_force(wavelength, line)).max()
        assert error < 1e-6

    @pytest.mark.parametrize("distance", [50.0, 500.0])
    def test_the_wing_of_a_distant_line_is_a_gamma_over_pi_x_squared(self, distance):
        a, gamma = 20.0, 0.8
        lines = tuple(np.array([p]) for p in (8590.0 - distance, a, 0.05, gamma))
        expected = a * gamma / (math.pi * (GRID - lines[0]) ** 2)
        result = self.depth(GRID, lines).cpu().numpy()
        np.testing.assert_allclose(
            result, expected, rtol=2e-3, atol=0
        )  # gamma^2/x^2 and 3 sigma^2/x^2 are left out
        np.testing.assert_allclose(result, brute_force(GRID, lines), rtol=2e-5, atol=0)

    def test_no_lines_no_depth(self):
        result = self.depth(GRID[:50], (np.zeros(0),) * 4)
        assert result.shape == (50,)
        assert float(result.abs().max()) == 0.0

    def test_depth_is_additive_and_linear_in_strength(self):
        wavelength = GRID[1500:2500]
        first, second = SOME, tuple(p[4::16] for p in CROWD)
        both = tuple(np.concatenate(pair) for pair in zip(first, second, strict=True))
        total = self.depth(wavelength, first) + 3 * self.depth(wavelength, second)
        scaled = (both[0], np.concatenate([first[1], 3 * second[1]]), *both[2:])
        assert float((self.depth(wavelength, scaled) - total).abs().max()) < 3e-6

    def test_gradient_matches_autograd_of_the_reference(self):
        lines, wavelength = SOME, GRID[::2]
        bar = np.random.default_rng(4).standard_normal(wavelength.size)
        point = self.point(lines, requires_grad=True)
        value = self.function(wavelength)(*point)
        found = torch.autograd.grad(value, point, torch.as_tensor(bar, device=self.device))
        unit = [lines[2], lines[1], lines[2], lines[3]]  # centre in units of sigma, the others logarithms
        found = [(g.cpu().numpy() * (lines[2] if k == 0 else 1.0)) for k, g in enumerate(found)]
        for index, tensors, reference in reference_pieces(wavelength, lines):
            expected = torch.autograd.grad(reference, tensors, torch.from_numpy(bar))
            for k in range(4):
                error = np.abs(found[k][index] - expected[k].numpy() * unit[k][index])
                depth = lines[1][index] / (lines[2][index] * math.sqrt(2 * math.pi))
                assert np.all(error < 1e-5 * np.maximum(depth, 1.0)), NAMES[k]

    def edge_cases(self):
        """Two far-saturated lines, one almost without damping, one on the very edge of the grid."""
        wavelength = np.linspace(5000.0, 5000.6, 13)
        lines = (
            np.array([5000.2, 5000.35, 5000.45, 5000.6]),
            np.array([3.0, 40.0, 0.02, 0.1]),
            np.array([0.03, 0.04, 0.02, 0.03]),
            np.array([0.01, 0.05, 1e-6, 0.004]),
        )
        return wavelength, lines

    def test_gradcheck_at_window_edges_and_saturated_cores(self):
        wavelength, lines = self.edge_cases()
        evaluate = self.function(wavelength)
        scale = torch.as_tensor([1e-2, 1.0, 1.0, 1.0], dtype=torch.float64, device=self.device)

        def scaled(shift, *logarithms):  # centres in units of a hundredth of an Angstrom
            return evaluate(torch.as_tensor(lines[0], device=self.device) + scale[0] * shift, *logarithms)

        point = self.point(lines, requires_grad=True)
        point[0] = torch.zeros(4, dtype=torch.float64, device=self.device, requires_grad=True)
        forward = self.backend != "torch"  # plain torch operations need no check of their forward rule
        assert torch.autograd.gradcheck(
            scaled, point, eps=1e-6, atol=2e-5, rtol=1e-5, check_forward_ad=forward, nondet_tol=1e-12
        )

    def test_saturated_flux_has_the_gradient_of_the_reference(self):
        wavelength, lines = self.edge_cases()
        point = self.point(lines, requires_grad=True)
        found = torch.autograd.grad(torch.exp(-self.function(wavelength)(*point)).sum(), point)
        tensors = [torch.tensor(p, requires_grad=True) for p in lines]
        reference = optical_depth_reference(
            torch.from_numpy(wavelength), **dict(zip(NAMES, tensors, strict=True))
        )
        expected = torch.autograd.grad(torch.exp(-reference).sum(), tensors)
        for k in range(4):
            chain = 1.0 if k == 0 else lines[k]
            np.testing.assert_allclose(
                found[k].cpu().numpy(), expected[k].numpy() * chain, rtol=1e-5, atol=1e-6
            )

    def direction(self, lines, seed):
        draw = np.random.default_rng(seed)
        scales = (lines[2], 1.0, 1.0, 1.0)
        return [
            torch.as_tensor(draw.standard_normal(lines[0].size) * scale, device=self.device)
            for scale in scales
        ]

    def reference_tangent(self, wavelength, lines, direction):
        """Central difference of scipy's sum along `direction`."""
        step = 1e-4
        sides = []
        for sign in (1, -1):
            moved = [d.cpu().numpy() * sign * step for d in direction]
            sides.append(
                brute_force(
                    wavelength,
                    (
                        lines[0] + moved[0],
                        *(p * np.exp(m) for p, m in zip(lines[1:], moved[1:], strict=True)),
                    ),
                )
            )
        return (sides[0] - sides[1]) / (2 * step)

    @pytest.mark.parametrize("mode", ["func", "dual"])
    def test_forward_mode_matches_finite_differences_of_the_brute_force_sum(self, mode):
        lines, wavelength = SOME, GRID[::3]
        point, direction = self.point(lines), self.direction(lines, 5)
        evaluate = self.function(wavelength)
        if mode == "func":
            tangent = torch.func.jvp(evaluate, tuple(point), tuple(direction))[1]
        else:
            with torch.autograd.forward_ad.dual_level():
                duals = [
                    torch.autograd.forward_ad.make_dual(*pair) for pair in zip(point, direction, strict=True)
                ]
                tangent = torch.autograd.forward_ad.unpack_dual(evaluate(*duals)).tangent
        expected = self.reference_tangent(wavelength, lines, direction)
        depth = brute_force(wavelength, lines)
        assert np.all(np.abs(tangent.cpu().numpy() - expected) < 1e-5 + 1e-6 * depth)

    def test_forward_mode_along_one_parameter_alone(self):
        lines, wavelength = tuple(p[::40] for p in CROWD), GRID[::5]
        evaluate, point = self.function(wavelength), self.point(lines)
        direction = self.direction(lines, 6)
        for k in range(4):

            def along(p, k=k):
                return evaluate(*point[:k], p, *point[k + 1 :])

            tangent = torch.func.jvp(along, (point[k],), (direction[k],))[1].cpu().numpy()
            alone = [d if i == k else torch.zeros_like(d) for i, d in enumerate(direction)]
            np.testing.assert_allclose(tangent, self.reference_tangent(wavelength, lines, alone), atol=1e-5)

    def test_reverse_mode_is_the_transpose_of_forward_mode(self):
        lines, wavelength = SOME, GRID[::2]
        evaluate, direction = self.function(wavelength), self.direction(lines, 7)
        bar = torch.as_tensor(np.random.default_rng(8).standard_normal(wavelength.size), device=self.device)
        point = self.point(lines, requires_grad=True)
        gradient = torch.autograd.grad(evaluate(*point), point, bar)
        tangent = torch.func.jvp(evaluate, tuple(p.detach() for p in point), tuple(direction))[1]
        left = float((bar * tangent).sum())
        right = float(sum((g * d).sum() for g, d in zip(gradient, direction, strict=True)))
        assert left == pytest.approx(right, rel=1e-10)

    def test_gradient_flows_to_an_empty_list_of_lines(self):
        empty = [torch.zeros(0, dtype=torch.float64, device=self.device, requires_grad=True) for _ in NAMES]
        value = self.function(GRID[:20])(*empty)
        assert all(g.shape == (0,) for g in torch.autograd.grad(value.sum(), empty))


class TestTorchBackend(OpticalDepthConformance):
    backend = "torch"


class TestNumbaBackend(OpticalDepthConformance):
    backend = "numba"

    def test_it_is_the_default_on_a_cpu(self, crowd_depth):
        lines = tuple(p[::20] for p in CROWD)
        default = type(self)()
        default.backend = None
        assert torch.equal(default.depth(GRID, lines), self.depth(GRID, lines))

    def test_results_do_not_depend_on_the_number_of_threads(self, monkeypatch):
        lines = crowded_lines(2400, 8588.0, 8702.0)
        wavelength = GRID[::4]
        bar = torch.from_numpy(np.random.default_rng(9).standard_normal(wavelength.size))
        direction = self.direction(lines, 10)
        results = []
        for threads in (1, 2):
            monkeypatch.setattr(parallel, "thread_count", lambda threads=threads: threads)
            point = self.point(lines, requires_grad=True)
            value = self.function(wavelength)(*point)
            gradient = torch.autograd.grad(value, point, bar)
            tangent = torch.func.jvp(
                self.function(wavelength), tuple(p.detach() for p in point), tuple(direction)
            )[1]
            results.append([value.detach(), tangent, *gradient])
        for one, two in zip(*results, strict=True):
            torch.testing.assert_close(one, two, rtol=1e-11, atol=1e-11)

    def test_a_looser_tolerance_loses_about_as_much_as_it_says(self):
        lines = tuple(np.array([p]) for p in (8645.0, 5.0, 0.05, 0.1))
        grid = sampling(torch.from_numpy(GRID))
        tensors = dict(zip(NAMES, (torch.from_numpy(p) for p in lines), strict=True))
        exact = brute_force(GRID, lines)
        errors = [
            np.abs(optical_depth(grid, **tensors, tolerance=t, backend="numba").numpy() - exact).max()
            for t in (1e-3, 1e-5)
        ]
        assert errors[0] < 3e-3
        assert errors[1] < 3e-5
        assert errors[1] < errors[0]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
class TestCuda(OpticalDepthConformance):
    backend = None
    device = "cuda"


@pytest.mark.parametrize(
    "wavelength",
    [
        [5000.0],
        [[5000.0, 5001.0]],
        [5000.0, 5000.0, 5001.0],
        [5001.0, 5000.0],
        [5000.0, math.nan, 5001.0],
        [5000.0, math.inf],
        [-1.0, 5000.0],
        [0.0, 5000.0],
    ],
)
def test_bad_wavelengths_are_refused(wavelength):
    with pytest.raises(InputError, match="wavelengths"):
        sampling(torch.tensor(wavelength, dtype=torch.float64))


def test_the_first_sample_out_of_order_is_named():
    with pytest.raises(InputError, match="sample 2: 5000.5"):
        sampling(torch.tensor([5000.0, 5001.0, 5000.5, 5003.0], dtype=torch.float64))


def test_an_unknown_back_end_is_refused():
    one = torch.ones(1, dtype=torch.float64)
    grid = sampling(torch.tensor([5000.0, 5001.0], dtype=torch.float64))
    with pytest.raises(InputError, match="abacus"):
        optical_depth(grid, centre=5000 * one, strength=one, sigma=one, gamma=one, backend="abacus")
