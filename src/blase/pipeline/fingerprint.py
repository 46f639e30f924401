"""What tells one fit from another."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from blase.cloning import Clone
from blase.pipeline.prepare import Pixels


def fingerprint(pixels: list[Pixels], star: Clone, telluric: Clone | None, options: tuple[Any, ...]) -> str:
    """A hash of everything that defines a fit, so that a checkpoint is not used for another."""
    digest = hashlib.sha256(repr(options).encode())
    for p in pixels:
        for array in (p.wavelength, p.flux.numpy(), p.sigma.numpy(), p.used.numpy()):
            digest.update(np.ascontiguousarray(array).tobytes())
    for clone in (star, telluric):
        if clone is not None:
            for name in ("centre", "strength", "sigma", "gamma"):
                digest.update(np.ascontiguousarray(getattr(clone.lines, name)).tobytes())
            if clone.lines.species is not None:
                digest.update(" ".join(clone.lines.species).encode())
            for levels in clone.lines.floors().values():
                digest.update(levels.tobytes())
    return digest.hexdigest()
