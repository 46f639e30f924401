"""Where a fit stands between two passes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from blase.fit.priors import LinePriorWidths
from blase.pipeline.build import Settings
from blase.pipeline.prepare import Pixels

FloatArray = NDArray[np.float64]

SETTLED = 0.02
"""Relative change of noise inflation and prior widths below which they have settled: what the data do not
determine has an error as wide as its prior, and 2 % of it are 1 % of the truths inside."""
_FEW_OUTLIERS = 1e-3
"""Share of the pixels whose weight may still change."""


@dataclass(frozen=True)
class Start:
    """Where a pass of the fit starts.

    Attributes
    ----------
    z : whitened vector; None at the clone.
    noise_inflation : (n_orders,) factors of the errors.
    stellar_prior, telluric_prior : prior widths of the lines.
    enlargement : (n_pixels,) factors of the errors of single pixels, above 1 for outliers.
    damping : of the structured solver, stretch by stretch; None where nothing is known.
    """

    z: torch.Tensor | None
    noise_inflation: FloatArray
    stellar_prior: LinePriorWidths
    telluric_prior: LinePriorWidths
    enlargement: FloatArray
    damping: FloatArray | None = None

    @classmethod
    def at_clone(cls, pixels: list[Pixels], settings: Settings) -> Start:
        """The start of a fit of which nothing is known yet."""
        n = sum(p.flux.numel() for p in pixels)
        noise = np.full(len(pixels), settings.regularisation.noise_inflation or 1.0)
        return cls(None, noise, settings.stellar_prior, settings.telluric_prior, np.ones(n))

    def settled(self, before: Start) -> bool:
        """Whether noise, widths and outliers agree with those `before`."""
        noise = np.log(self.noise_inflation / before.noise_inflation)
        now = np.concatenate([self.stellar_prior.array(), self.telluric_prior.array()])
        then = np.concatenate([before.stellar_prior.array(), before.telluric_prior.array()])
        widths = np.log(np.where(then > 0, now, 1.0) / np.where(then > 0, then, 1.0))
        moving = np.abs(np.log(self.enlargement / before.enlargement)) > 1
        change = max(float(np.sqrt(np.mean(noise**2))), float(np.abs(widths).max()))
        return bool(change < SETTLED and moving.mean() <= _FEW_OUTLIERS)
