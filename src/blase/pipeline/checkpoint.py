"""A checkpoint that a long fit leaves behind, and the way back in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from blase.containers.atomic import atomic_file
from blase.errors import InputError
from blase.fit.priors import LinePriorWidths
from blase.pipeline.state import Start


@dataclass(frozen=True)
class Checkpoint:
    """Where an unfinished fit stood, and the velocities it started from."""

    start: Start
    radial_velocity: float
    vsini: float

    def write(self, path: Path, fingerprint: str) -> None:
        """Write atomically, and make the folder where it is missing; `fingerprint` tells whose it is."""
        assert self.start.z is not None
        tensors = {
            "z": self.start.z,
            "noise_inflation": torch.from_numpy(self.start.noise_inflation.copy()),
            "stellar_prior": torch.from_numpy(self.start.stellar_prior.array()),
            "telluric_prior": torch.from_numpy(self.start.telluric_prior.array()),
            "enlargement": torch.from_numpy(self.start.enlargement.copy()),
            "velocities": torch.tensor([self.radial_velocity, self.vsini], dtype=torch.float64),
        }
        if self.start.damping is not None:
            tensors["damping"] = torch.from_numpy(self.start.damping.copy())
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(path) as temporary:
            save_file(tensors, temporary, metadata={"fingerprint": fingerprint})


def read_checkpoint(path: Path, fingerprint: str) -> Checkpoint:
    """Read what `Checkpoint.write` wrote.

    Raises
    ------
    InputError
        where the file is unreadable or belongs to a fit of other data or settings.
    """
    try:
        with safe_open(path, framework="pt") as file:
            belongs = (file.metadata() or {}).get("fingerprint")
        tensors = load_file(path)
        priors = [LinePriorWidths(*tensors[name].tolist()) for name in ("stellar_prior", "telluric_prior")]
        velocity, vsini = tensors["velocities"].tolist()
        damping = tensors["damping"].numpy() if "damping" in tensors else None
        start = Start(
            tensors["z"],
            tensors["noise_inflation"].numpy(),
            priors[0],
            priors[1],
            tensors["enlargement"].numpy(),
            damping,
        )
        found = Checkpoint(start, velocity, vsini)
    except (OSError, KeyError, TypeError, ValueError, SafetensorError) as error:
        raise InputError(
            "the checkpoint cannot be read",
            path=path,
            value=error,
            fix="start without --resume",
            expected="a checkpoint that an interrupted fit left",
        ) from error
    if belongs != fingerprint:
        raise InputError(
            "the checkpoint belongs to another fit",
            path=path,
            expected="the same data, templates and options",
            fix="repeat the interrupted command exactly, or start without --resume",
            value="other data, templates or options",
        )
    return found
