"""A checkpoint that a long fit leaves behind, and the way back in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from blase.containers.atomic import atomic_file
from blase.errors import InputError


@dataclass(frozen=True)
class Checkpoint:
    """Whitened vector, noise inflation per order and the starting velocities of an unfinished fit."""

    z: torch.Tensor
    noise_inflation: NDArray[np.float64]
    radial_velocity: float
    vsini: float

    def write(self, path: Path, fingerprint: str) -> None:
        """Write atomically; `fingerprint` tells which fit it belongs to."""
        tensors = {
            "z": self.z,
            "noise_inflation": torch.from_numpy(self.noise_inflation.copy()),
            "start": torch.tensor([self.radial_velocity, self.vsini], dtype=torch.float64),
        }
        with atomic_file(path) as temporary:
            save_file(tensors, temporary, metadata={"fingerprint": fingerprint})


def read_checkpoint(path: Path, fingerprint: str) -> Checkpoint:
    """Read what `Checkpoint.write` wrote.

    Raises
    ------
    InputError
        where the file is unreadable or belongs to a fit of other data or settings.
    """
    from safetensors import safe_open

    try:
        with safe_open(path, framework="pt") as file:
            belongs = (file.metadata() or {}).get("fingerprint")
        tensors = load_file(path)
        start = tensors["start"]
        found = Checkpoint(tensors["z"], tensors["noise_inflation"].numpy(), float(start[0]), float(start[1]))
    except (OSError, KeyError, SafetensorError) as error:
        raise InputError("the checkpoint cannot be read", path=path, value=error, fix="start without --resume") from error
    if belongs != fingerprint:
        raise InputError(
            "the checkpoint belongs to another fit", path=path, expected="the same data, templates and options",
            fix="repeat the interrupted command exactly, or start without --resume",
        )
    return found
