"""Model and objective on other devices: `meta` on every machine, `cuda` where there is one."""

import numpy as np
import pytest
import torch

from blase.errors import InputError
from blase.fit.descent import minimise_by_descent
from blase.fit.levenberg_marquardt import minimise_structured

EDGES = np.arange(8630.0, 8637.0, 0.06)
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")


@pytest.fixture
def scene(make_scene):
    """Two orders with everything that an order can have, behind an atmosphere."""
    return make_scene(edges=(EDGES[:66], EDGES[56:]), own=True, hermite=(0.05, -0.03))


def test_nothing_of_the_objective_stays_behind(scene):
    scene.model.star.rotates = False  # the branches of rotation look at numbers, which `meta` does not have
    moved = scene.objective.to("meta")
    z = scene.start.to("meta").requires_grad_(True)
    value = moved(z)
    (gradient,) = torch.autograd.grad(value, z)
    assert value.is_meta and gradient.is_meta and gradient.shape == z.shape
    assert moved.residuals(z).shape == scene.objective.data.flux.shape
    assert moved.space.pack(moved.model).is_meta
    assert moved.model().is_meta
    for part in moved.model.light()[0]:
        assert part.is_meta
    tensors = [*moved.model.parameters(), *moved.model.buffers()]
    assert all(tensor.is_meta for tensor in tensors)
    assert not any(tensor.is_meta for tensor in scene.model.parameters())


def test_there_and_back_is_the_same(scene):
    again = scene.objective.to("cpu")
    assert again.model is not scene.model
    assert again.value(scene.start) == scene.objective.value(scene.start)
    before = scene.objective.value(scene.start)
    again.space.store(again.model, scene.start + 1)
    assert scene.objective.value(scene.start) == before


def test_the_structured_solver_asks_for_the_cpu(scene):
    with pytest.raises(InputError, match="computes on the CPU") as caught:
        minimise_structured(scene.objective.to("meta"), scene.start)
    assert "an objective on meta" in str(caught.value) and "minimise_by_descent" in str(caught.value)


@pytest.mark.gpu
@needs_cuda
def test_value_and_gradient_on_cuda(scene):
    moved, z = scene.objective.to("cuda"), scene.start + 0.1
    value, gradient = moved.value_and_gradient(z.to("cuda"))
    expected, slope = scene.objective.value_and_gradient(z)
    assert value == pytest.approx(expected, rel=1e-5)
    assert gradient.device.type == "cuda"
    torch.testing.assert_close(gradient.cpu(), slope, rtol=1e-4, atol=1e-4 * float(slope.abs().max()))


@pytest.mark.gpu
@needs_cuda
def test_descent_on_cuda(scene):
    solution = minimise_by_descent(scene.objective.to("cuda"), scene.start.to("cuda"), max_iterations=20)
    assert solution.z.device.type == "cuda"
    expected = minimise_by_descent(scene.objective, scene.start, max_iterations=20)
    assert solution.objective == pytest.approx(expected.objective, rel=1e-2)
