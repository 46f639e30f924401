"""Residuals and gradient with one graph an order, against one graph of everything."""

import numpy as np
import pytest
import torch

from blase.fit.order_graphs import OrderGraphs
from blase.functional import parallel

EDGES = np.arange(8630.0, 8637.0, 0.06)


@pytest.fixture
def scene(make_scene):
    """Two overlapping orders with everything that an order can have, behind an atmosphere."""
    return make_scene(edges=(EDGES[:66], EDGES[56:]), own=True, hermite=(0.05, -0.03))


@pytest.mark.parametrize("threads", [1, 2])
def test_it_is_the_residual_and_gradient_of_the_objective(scene, monkeypatch, threads):
    monkeypatch.setattr(parallel, "thread_count", lambda: threads)
    z = scene.start + 0.1 * torch.sin(torch.arange(scene.start.numel(), dtype=torch.float64))
    graphs = OrderGraphs.at(scene.objective, z.numpy())
    np.testing.assert_array_equal(graphs.residuals, scene.objective.residuals(z).detach().numpy())
    whole = scene.objective.value_and_gradient(z)[1]
    point = z.clone().requires_grad_(True)
    (of_prior,) = torch.autograd.grad(scene.objective.space.penalty(point).sum(), point)
    expected = (whole - of_prior).numpy()
    np.testing.assert_allclose(graphs.gradient(), expected, rtol=1e-10, atol=1e-10 * np.abs(expected).max())


def test_the_point_may_change_afterwards(scene):
    z = scene.start.numpy().copy()
    graphs, same = OrderGraphs.at(scene.objective, z), OrderGraphs.at(scene.objective, z)
    z += 1.0
    np.testing.assert_array_equal(graphs.gradient(), same.gradient())
