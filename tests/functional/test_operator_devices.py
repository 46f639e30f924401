"""Every operator on the devices there are: `meta` on every machine, `cuda` where there is one.

A tensor on `meta` has a shape and no content, and arithmetic with a CPU tensor of more than one number fails:
what runs there makes no tensor elsewhere. On `cuda` values and gradients are compared with those of the CPU.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from blase.errors import InputError
from blase.functional import bessel, special
from blase.functional.continuum import legendre_basis, normalised_coordinate
from blase.functional.core_floor import effective_depth
from blase.functional.displaced_pixels import DisplacedPixels, displaced_pixels
from blase.functional.doppler import compose_velocities, doppler_factor, velocity_from_factor
from blase.functional.faddeeva import faddeeva
from blase.functional.grid import log_grid
from blase.functional.line_spread import line_spread_broadening, line_spread_profile
from blase.functional.optical_depth import Sampling, optical_depth, sampling
from blase.functional.pixels import integrate_pixels, pixel_weights
from blase.functional.rotation import rotation_profile, rotational_broadening
from blase.functional.voigt import product_transmission, voigt_profile
from blase.functional.window_depth import window_depth

CUDA = pytest.param(
    "cuda",
    marks=[
        pytest.mark.gpu,
        pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device"),
    ],
)
STEP = 0.3
GRID = log_grid(8630.0, 8640.0, step=STEP)
BOUNDS = np.stack([np.arange(8633.0, 8637.0, 0.06)[:-1], np.arange(8633.0, 8637.0, 0.06)[1:]], axis=1)
PIXELS, DISPLACED = pixel_weights(GRID, BOUNDS), displaced_pixels(GRID, BOUNDS)
FLUX = torch.exp(-torch.exp(-0.5 * ((GRID - 8635.0) / 0.1) ** 2))
CENTRE, STRENGTH = torch.tensor([8633.0, 8635.2, 8639.0]).double(), torch.tensor([0.03, 0.4, 2.0]).double()
SIGMA, GAMMA = torch.tensor([0.05, 0.06, 0.07]).double(), torch.tensor([0.01, 0.03, 0.1]).double()
LEVELS = sampling(GRID).levels


def depth(grid: Tensor, c: Tensor, a: Tensor, s: Tensor, g: Tensor) -> Tensor:
    """The torch back end on every device: that of a CPU is another."""
    return optical_depth(
        Sampling(grid, LEVELS),
        centre=c,
        strength=a,
        sigma=s,
        gamma=g,
        backend=None if grid.is_meta else "torch",
    )


def displaced(flux: Tensor, index: Tensor, weight: Tensor, where: Tensor) -> Tensor:
    return integrate_pixels(flux, DisplacedPixels(index, weight, DISPLACED.n).at(where))


X = torch.linspace(-1, 1, 60, dtype=torch.float64)
LINES = (CENTRE, STRENGTH, SIGMA, GAMMA)
POSITIVE = torch.linspace(0.5, 60.0, 50, dtype=torch.float64)
OPERATORS: dict[str, tuple[Callable[..., Tensor], tuple[Tensor, ...]]] = {
    "doppler": (lambda v: compose_velocities(velocity_from_factor(doppler_factor(v)), v), (30 * X,)),
    "legendre": (lambda x: legendre_basis(x, 4), (X,)),
    "faddeeva": (lambda x: faddeeva(torch.complex(x, x.abs())).real, (8 * X,)),
    "voigt": (lambda x, s, g: voigt_profile(x, sigma=s, gamma=g), (X[:3], SIGMA, GAMMA)),
    "product": (
        lambda w, c, d, s, g: product_transmission(w, centre=c, depth=d, sigma=s, gamma=g),
        (GRID, CENTRE, 0.1 * STRENGTH, SIGMA, GAMMA),
    ),
    "effective depth": (
        lambda t, c, w, k, p: effective_depth(t, core_floor=c, wing_floor=w, core_opacity=k, wing_power=p),
        (POSITIVE, *torch.tensor([0.1, 0.4, 3e3, 0.4], dtype=torch.float64)),
    ),
    "depth of one line": (
        lambda w, c, a, s, g: window_depth(w, centre=c, strength=a, sigma=s, gamma=g),
        (GRID, *(p[:1] for p in LINES)),
    ),
    "optical depth": (depth, (GRID, *LINES)),
    "no lines": (depth, (GRID, *(p[:0] for p in LINES))),
    "line spread": (
        lambda f, r: line_spread_broadening(f, step=STEP, resolving_power=r),
        (FLUX, torch.tensor(55_000.0).double()),
    ),
    "skewed line spread": (
        lambda f, r, h: line_spread_broadening(f, step=STEP, resolving_power=r, h3=h, h4=h),
        (FLUX, torch.tensor(55_000.0).double(), torch.tensor(0.05).double()),
    ),
    "profile of the line spread": (
        lambda v, r: line_spread_profile(v, resolving_power=r),
        (10 * X, torch.tensor(55_000.0).double()),
    ),
    "pixels": (lambda f: integrate_pixels(f, PIXELS.to(f.device)), (FLUX,)),
    "displaced pixels": (
        displaced,
        (FLUX, DISPLACED.index, DISPLACED.weight, torch.linspace(-3, 3, len(BOUNDS)).double()),
    ),
    "power series": (lambda q: special._power_series(q, 2, False), (POSITIVE,)),
    "upward recursion, spherical": (lambda q: special._upward_recursion(q, 2, True), (POSITIVE,)),
    "Bessel, near": (lambda s: bessel._chebyshev(s)[1], (0.3 * POSITIVE,)),
    "Bessel, far": (lambda s: bessel._hankel(s)[1], (POSITIVE + 25,)),
}
WITH_CONTENT: dict[str, tuple[Callable[..., Tensor], tuple[Tensor, ...]]] = {
    "coordinate": (normalised_coordinate, (GRID,)),
    "profile of rotation": (lambda v: rotation_profile(v, vsini=5.0, limb_darkening=0.6), (10 * X,)),
    "rotation": (
        lambda f, q: rotational_broadening(f, step=STEP, vsini_squared=q, limb_darkening=0.6),
        (FLUX, torch.tensor(40.0).double()),
    ),
}
"""Operators that look at numbers (a check, a choice of branch), which `meta` does not have."""
CASES = [pytest.param(*case, "meta", id=f"{name}, meta") for name, case in OPERATORS.items()] + [
    pytest.param(*case, "cuda", id=f"{name}, cuda", marks=CUDA.marks)
    for name, case in (OPERATORS | WITH_CONTENT).items()
]


def gradients(
    operator: Callable[..., Tensor], inputs: tuple[Tensor, ...], device: str
) -> tuple[Tensor, list[Tensor]]:
    """Value of `operator` on `device`, and the gradient of a weighted sum of it by every real input."""
    moved = [x.clone().to(device).requires_grad_(x.is_floating_point()) for x in inputs]
    value = operator(*moved)
    bar = torch.linspace(0.5, 1.5, value.numel(), dtype=torch.float64).reshape(value.shape).to(device)
    real = [x for x in moved if x.requires_grad]
    found = torch.autograd.grad((bar * value).sum(), real, allow_unused=True)
    return value, [torch.zeros_like(x) if g is None else g for x, g in zip(real, found, strict=True)]


@pytest.mark.parametrize(("operator", "inputs", "device"), CASES)
def test_value_and_gradient_stay_on_the_device(
    operator: Callable[..., Tensor], inputs: tuple[Tensor, ...], device: str
) -> None:
    value, slopes = gradients(operator, inputs, device)
    expected, expected_slopes = gradients(operator, inputs, "cpu")
    for found, wanted in zip([value, *slopes], [expected, *expected_slopes], strict=True):
        assert found.device.type == device
        assert found.shape == wanted.shape and found.dtype == wanted.dtype
        if device != "meta":
            scale = max(float(wanted.abs().max()) if wanted.numel() else 0.0, 1e-300)
            torch.testing.assert_close(found.cpu(), wanted, rtol=1e-9, atol=1e-11 * scale)


def test_meta_tells_of_a_tensor_made_elsewhere() -> None:
    """So that the cases above can fail."""
    with pytest.raises(RuntimeError, match="device"):
        torch.ones(3, device="meta") + torch.ones(3)


def test_the_compiled_back_end_is_for_the_cpu_alone() -> None:
    with pytest.raises(InputError, match="compiled back end needs a CPU"):
        optical_depth(
            Sampling(GRID.to("meta"), LEVELS),
            **{
                name: part.to("meta")
                for name, part in zip(("centre", "strength", "sigma", "gamma"), LINES, strict=True)
            },
            backend="numba",
        )
