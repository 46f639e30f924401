"""A checkpoint comes back as it was, and only to the fit that wrote it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from blase.containers.line_list import LineList
from blase.errors import InputError
from blase.fit.priors import STELLAR, TELLURIC
from blase.pipeline.checkpoint import Checkpoint, read_checkpoint
from blase.pipeline.revision import Revision
from blase.pipeline.state import Start


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, Checkpoint]:
    z = torch.linspace(-1, 1, 17, dtype=torch.float64) ** 3
    start = Start(
        z, np.array([1.0, 1.37]), STELLAR, TELLURIC, np.array([1.0, 6.5, 1.0]), np.array([10.0, 0.1])
    )
    added = LineList([8640.5, 8651.25], [0.01, 0.012], [1.1, 1.2], [0.2, 0.1], added=np.ones(2, dtype=bool))
    state = Checkpoint(start, -9.61, 2.2, Revision(np.array([True, False, True]), added))
    path = tmp_path / "new" / "out.checkpoint.safetensors"
    state.write(path, "a" * 64)
    return path, state


def test_round_trip(saved: tuple[Path, Checkpoint]) -> None:
    path, state = saved
    back = read_checkpoint(path, "a" * 64)
    assert state.start.z is not None and back.start.z is not None
    assert torch.equal(back.start.z, state.start.z)
    np.testing.assert_array_equal(back.start.noise_inflation, state.start.noise_inflation)
    np.testing.assert_array_equal(back.start.enlargement, state.start.enlargement)
    np.testing.assert_array_equal(back.start.damping, state.start.damping)
    assert back.start.stellar_prior == STELLAR and back.start.telluric_prior == TELLURIC
    np.testing.assert_array_equal(back.revision.kept, state.revision.kept)
    assert back.revision.added.is_added.all()
    for name in ("centre", "strength", "sigma", "gamma"):
        np.testing.assert_array_equal(getattr(back.revision.added, name), getattr(state.revision.added, name))
    assert (back.radial_velocity, back.vsini) == (-9.61, 2.2)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_another_fit(saved: tuple[Path, Checkpoint]) -> None:
    with pytest.raises(InputError, match="belongs to another fit") as caught:
        read_checkpoint(saved[0], "b" * 64)
    assert str(saved[0]) in str(caught.value) and "--resume" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\x80\x04junk", b"x" * 200])
def test_damaged_file(saved: tuple[Path, Checkpoint], content: bytes) -> None:
    saved[0].write_bytes(content)
    with pytest.raises(InputError, match="cannot be read"):
        read_checkpoint(saved[0], "a" * 64)


def test_missing_tensor_and_missing_file(saved: tuple[Path, Checkpoint], tmp_path: Path) -> None:
    tensors = load_file(saved[0])
    del tensors["velocities"]
    save_file(tensors, saved[0], metadata={"fingerprint": "a" * 64})
    with pytest.raises(InputError, match="velocities"):
        read_checkpoint(saved[0], "a" * 64)
    with pytest.raises(InputError, match="absent"):
        read_checkpoint(tmp_path / "absent", "a" * 64)
