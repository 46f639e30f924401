"""A checkpoint that a long fit leaves behind, and the way back in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from blase.containers.atomic import atomic_file
from blase.containers.line_list import LineList
from blase.errors import InputError
from blase.fit.priors import LinePriorWidths
from blase.pipeline.revision import Revision
from blase.pipeline.state import Start

_OF_LINES = ("centre", "strength", "sigma", "gamma")


@dataclass(frozen=True)
class Checkpoint:
    """Where an unfinished fit stood, the velocities it started from, and how its lines had been revised."""

    start: Start
    radial_velocity: float
    vsini: float
    revision: Revision

    def write(self, path: Path, fingerprint: str) -> None:
        """Write atomically, and make the folder where it is missing; `fingerprint` tells whose it is."""
        assert self.start.z is not None
        tensors = {
            "z": self.start.z,
            "noise_inflation": torch.from_numpy(self.start.noise_inflation.copy()),
            "stellar_prior": torch.from_numpy(self.start.stellar_prior.array()),
            "telluric_prior": torch.from_numpy(self.start.telluric_prior.array()),
            "enlargement": torch.from_numpy(self.start.enlargement.copy()),
            "kept": torch.from_numpy(self.revision.kept.copy()),
            "added": torch.from_numpy(np.stack([getattr(self.revision.added, n) for n in _OF_LINES])),
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
        found = Checkpoint(start, velocity, vsini, _revision(tensors["kept"], tensors["added"]))
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


def _revision(kept: torch.Tensor, added: torch.Tensor) -> Revision:
    columns = dict(zip(_OF_LINES, added.numpy(), strict=True))
    if not added.shape[1]:
        return Revision(kept.numpy(), LineList.concatenated([]))
    return Revision(kept.numpy(), LineList(**columns, added=np.ones(added.shape[1], dtype=bool)))
