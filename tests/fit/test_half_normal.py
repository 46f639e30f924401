"""The half-normal belief in a strength whose logarithm is fitted."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import halfnorm

from blase.fit.half_normal import HALF_NORMAL, WIDTH, partly
from blase.fit.penalties import GAUSSIAN, LAPLACE

Z = torch.linspace(-6, 4, 41, dtype=torch.float64)


def test_density_is_that_of_a_half_normal_strength() -> None:
    """p(z) dz = p(a) da with a = exp(z WIDTH)."""
    a = np.exp(Z.numpy() * WIDTH)
    density = torch.exp(-HALF_NORMAL.penalty(Z)).numpy() / math.exp(HALF_NORMAL.log_norm)
    np.testing.assert_allclose(density, halfnorm.pdf(a) * a * WIDTH, rtol=1e-12)


def test_norm_and_deviation_by_quadrature() -> None:
    def density(z: float) -> float:
        return math.exp(-float(HALF_NORMAL.penalty(torch.tensor(z, dtype=torch.float64))))

    moments = [quad(lambda z, k=k: z**k * density(z), -60, 8, limit=400)[0] for k in range(3)]
    assert math.log(moments[0]) == pytest.approx(HALF_NORMAL.log_norm, rel=1e-9)
    variance = moments[2] / moments[0] - (moments[1] / moments[0]) ** 2
    assert math.sqrt(variance) == pytest.approx(HALF_NORMAL.deviation, rel=1e-8)


def test_derivatives_by_autograd_also_at_the_mode() -> None:
    z = torch.cat([Z, torch.tensor([0.0, 1e-9, -1e-7], dtype=torch.float64)]).requires_grad_(True)
    found = [HALF_NORMAL.penalty(z)]
    for _ in range(3):
        found.append(torch.autograd.grad(found[-1].sum(), z, create_graph=True)[0])
    still = z.detach()
    torch.testing.assert_close(HALF_NORMAL.weight(still) * still, found[1].detach())
    torch.testing.assert_close(HALF_NORMAL.curvature(still), found[2].detach())
    torch.testing.assert_close(HALF_NORMAL.skew(still), found[3].detach())
    assert float(HALF_NORMAL.curvature(torch.zeros(1))) == 1.0
    assert torch.isfinite(HALF_NORMAL.penalty(torch.tensor([1e4, -1e4], dtype=torch.float64))).all()


@pytest.mark.parametrize("shape", [GAUSSIAN, LAPLACE])
def test_a_prior_may_be_half_normal_in_part(shape) -> None:
    which = np.arange(Z.numel()) % 3 == 0
    mixed = partly(shape, which)
    for name in ("penalty", "weight", "curvature", "skew"):
        value = getattr(mixed, name)(Z)
        torch.testing.assert_close(value[which], getattr(HALF_NORMAL, name)(Z[which]))
        torch.testing.assert_close(value[~which], getattr(shape, name)(Z[~which]))
    assert isinstance(mixed.log_norm, torch.Tensor)
    assert set(mixed.log_norm[which].tolist()) == {HALF_NORMAL.log_norm}
    assert set(mixed.log_norm[~which].tolist()) == {shape.log_norm}
    z = Z.clone().requires_grad_(True)
    assert torch.autograd.gradcheck(mixed.penalty, (z,))
