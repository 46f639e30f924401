"""The best continuum at once, against a brute-force solution of the same linear problem."""

import numpy as np
import torch

from blase.fit.continuum_step import continuum_step
from blase.fit.jacobian import jacobian


def test_it_minimises_over_the_continuum(make_scene) -> None:
    scene = make_scene(noise=0.03)
    z = scene.start.numpy().copy()
    scene.space.store(scene.model, scene.start)
    derivative = jacobian(scene.model, scene.objective.data, scene.space)
    residuals = scene.objective.residuals(scene.start).detach().numpy()
    step, gain = continuum_step(derivative, scene.space, z, residuals)
    columns = derivative.to_dense()
    own = [
        i
        for name, where in scene.space.slices.items()
        if name.endswith("continuum.coefficients")
        for i in range(where.start, where.stop)
    ]
    assert own
    stacked = np.vstack([columns[:, own], np.eye(len(own))])
    best = np.linalg.lstsq(stacked, np.concatenate([residuals, -z[own]]), rcond=None)[0]
    np.testing.assert_allclose(step[own], best, rtol=1e-6, atol=1e-9)
    assert not np.delete(step, own).any()
    before = scene.objective.value(scene.start)
    after = scene.objective.value(torch.from_numpy(z + step))
    assert gain > 1.0
    assert abs(before - after - gain) < 1e-6 * gain
