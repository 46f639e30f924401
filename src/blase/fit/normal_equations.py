"""(J^T J + 1 + damping) x = b for a whitened Jacobian, solved where it is cheapest.

Few pixels and many lines, as behind an instrument: in the space of the data. Many samples and fewer
parameters, as in a template at native resolution: in the space of the parameters.
"""

from __future__ import annotations

import numpy as np

from blase.fit.data_space import DataSpace, Posterior
from blase.fit.jacobian import Jacobian
from blase.fit.line_blocks import FloatArray
from blase.fit.skyline import Skyline


class NormalEquations:
    """Steps and posterior moments of the linearised problem."""

    def __init__(self, derivative: Jacobian) -> None:
        self.derivative = derivative
        self._data = DataSpace(derivative)
        fewer = int((derivative.lines.entry >= 0).sum()) < derivative.n_pixels
        self._skyline = Skyline.of(derivative.lines) if fewer and not derivative.dense_index.size else None

    def solve(self, damping: FloatArray, vector: FloatArray) -> FloatArray:
        """Solution (size,) with right-hand side `vector` and `damping` (size,) added to the diagonal.

        Levenberg's form of damping, not Marquardt's, a trust region in units of prior widths: what the data
        hardly determine is what must not leap.
        """
        if self._skyline is None:
            return self._data.solve(damping, vector)
        entry = self._skyline.entry
        free = entry >= 0
        right = np.where(free, vector[entry], 0.0)
        found = self._skyline.solve(np.where(free, 1.0 + damping[entry], 1.0), right)
        out = np.empty_like(vector)
        out[entry[free]] = found[free]
        return out

    @property
    def posterior(self) -> Posterior:
        """Second moments of the posterior in its Gaussian approximation."""
        return self._data.posterior
