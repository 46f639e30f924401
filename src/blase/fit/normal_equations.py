"""(J^T J + 1 + damping) x = b for a whitened Jacobian, solved where it is cheapest.

Few pixels and many lines, as behind an instrument: in the space of the data. Many samples and fewer
parameters, as in a template at native resolution: in the space of the parameters.
"""

from __future__ import annotations

import numpy as np

from blase.fit.data_space import DataSpace, Posterior
from blase.fit.jacobian import Jacobian, few_parameters
from blase.fit.line_blocks import FloatArray
from blase.fit.skyline import Skyline


class NormalEquations:
    """Steps and posterior moments of the linearised problem."""

    def __init__(self, derivative: Jacobian) -> None:
        self.derivative = derivative
        self._data = DataSpace(derivative)
        of_lines = int((derivative.lines.entry >= 0).sum())
        few = few_parameters(derivative.n_pixels, of_lines=of_lines, others=derivative.dense_index.size)
        self._lines = BorderedSkyline(derivative) if few else None

    def solve(self, damping: FloatArray, vector: FloatArray) -> FloatArray:
        """Solution (size,) with right-hand side `vector` and `damping` (size,) added to the diagonal.

        Levenberg's form of damping, not Marquardt's, a trust region in units of prior widths: what the data
        hardly determine is what must not leap.
        """
        return (self._lines or self._data).solve(damping, vector)

    @property
    def posterior(self) -> Posterior:
        """Second moments of the posterior in its Gaussian approximation."""
        return self._data.posterior


class BorderedSkyline:
    """J^T J + 1 with a skyline for the lines and a border of a few columns for everything else.

    With S of the lines, B their products with the border and C of the border, the border follows from
    (C - B^T S^-1 B) y = c - B^T S^-1 b, the lines from S x = b - B y.
    """

    def __init__(self, derivative: Jacobian) -> None:
        self.skyline = Skyline.of(derivative.lines)
        self.border = derivative.dense_index
        columns, place = derivative.dense_rows(0, derivative.n_pixels)
        self.corner = np.zeros((self.border.size, self.border.size))
        self.corner[np.ix_(place, place)] = columns.T @ columns
        self.coupling = np.zeros((self.skyline.entry.size, self.border.size))
        for k, column in zip(place, columns.T, strict=True):
            self.coupling[:, k] = derivative.lines.adjoint(column)[self.skyline.order].reshape(-1)

    def solve(self, damping: FloatArray, vector: FloatArray) -> FloatArray:
        """Solution (size,) of (J^T J + 1 + diag(damping)) x = `vector`."""
        entry, border = self.skyline.entry, self.border
        free = entry >= 0
        right = np.where(free, vector[entry], 0.0)
        both = np.column_stack([right, self.coupling])
        solved = self.skyline.solve(np.where(free, 1.0 + damping[entry], 1.0), both)
        alone, coupled = solved[:, 0], solved[:, 1:]
        out = np.empty_like(vector)
        corner = self.corner + np.diag(1.0 + damping[border])
        if border.size:
            schur = corner - self.coupling.T @ coupled
            out[border] = np.linalg.solve(schur, vector[border] - self.coupling.T @ alone)
        out[entry[free]] = (alone - coupled @ out[border])[free]
        return out
