"""Residuals on pixels that a fit never saw: only they show whether it has learned or merely memorised."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from blase.constants import SPEED_OF_LIGHT
from blase.pipeline.attempt import Progress
from blase.pipeline.build import Settings
from blase.pipeline.prepare import Pixels, without
from blase.pipeline.solve import solve
from blase.pipeline.state import Start

FloatArray = NDArray[np.float64]


def fold_of_pixels(pixels: Pixels, folds: int, resolving_power: float) -> NDArray[np.int64]:
    """Fold 0 .. folds - 1 of every pixel (n_pixels,), in contiguous blocks.

    A block ends with the pixel that makes it at least one resolution element c/R wide.
    """
    widths = SPEED_OF_LIGHT * np.diff(pixels.bounds).ravel() / pixels.wavelength
    element = SPEED_OF_LIGHT / resolving_power
    block, filled, blocks = 0, 0.0, np.empty(widths.size, dtype=np.int64)
    for i, width in enumerate(widths):
        if filled >= element:
            block, filled = block + 1, 0.0
        blocks[i] = block
        filled += width
    return blocks % folds


@dataclass(frozen=True)
class Heldout:
    """What fits that left out one fold each say of it.

    `model` (total pixels,) where every pixel is predicted by the fit that did not see it; `middle` where that
    fit ended which left out `middle_fold(folds)`.
    """

    model: FloatArray
    middle: Start


def middle_fold(folds: int) -> int:
    """The fold that stands for all: not the first one, which begins at the edge of an order."""
    return folds // 2


def heldout_models(
    pixels: list[Pixels],
    settings: Settings,
    state: Start,
    *,
    folds: int,
    max_iterations: int = 60,
    progress: Progress | None = None,
) -> Heldout:
    """Fit the spectrum as often as there are `folds`, each time without one fold of blocks.

    Each fold starts from the clone, with the starting velocity, noise inflation and prior widths of the fit
    of all pixels.
    """
    assignment = [fold_of_pixels(p, folds, settings.resolving_power) for p in pixels]
    predicted = np.full(sum(p.flux.numel() for p in pixels), np.nan)
    everywhere = np.concatenate(assignment)
    middle = state
    for fold in range(folds):
        kept = [without(p, fold_of == fold) for p, fold_of in zip(pixels, assignment, strict=True)]
        solved = solve(
            kept,
            settings,
            start=replace(state, z=None, damping=None),
            fixed=True,
            max_iterations=max_iterations,
            stage=f"held-out fold {fold + 1} of {folds}",
            progress=progress,
        )
        with torch.no_grad():
            predicted[everywhere == fold] = solved.model().numpy()[everywhere == fold]
        if fold == middle_fold(folds):
            middle = replace(state, z=solved.solution.z, damping=solved.solution.damping)
    return Heldout(predicted, middle)


def weighted_rms(
    flux: FloatArray, model: FloatArray, sigma: FloatArray, used: NDArray[np.bool_]
) -> float | None:
    """sqrt(sum w r^2 / sum w) with r = flux/model - 1 and w = (model/sigma)^2, over the pixels `used`."""
    if not used.any():
        return None
    r, w = flux[used] / model[used] - 1, (model[used] / sigma[used]) ** 2
    return float(np.sqrt((w * r**2).sum() / w.sum()))
