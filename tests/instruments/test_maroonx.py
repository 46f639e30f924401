"""Native files of MAROON-X: nothing in them is run, and the message says how to translate them."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from blase.errors import InputError
from blase.instruments import read_spectrum


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("instrument", [None, "maroon-x", "table"])
def test_a_native_file_is_refused_with_the_remedy_and_nothing_in_it_runs(
    instrument: str | None, tmp_path: Path
) -> None:
    """The layout of a pandas store: axes, and blocks of pickled bytes."""
    h5py = pytest.importorskip("h5py")
    sprung, path = tmp_path / "sprung", tmp_path / "20210527T112233Z_SOOOE_x_0300.hd5"
    content = np.frombuffer(pickle.dumps(Trap(sprung)), dtype=np.uint8)
    with h5py.File(path, "w") as file:
        for camera in ("blue", "red"):
            frame = file.create_group(f"spec_{camera}")
            frame.attrs["pandas_type"] = "frame"
            frame["axis0"] = np.array([b"wavelengths", b"optimal_extraction", b"optimal_var"])
            values = frame.create_dataset("block0_values", (1,), dtype=h5py.vlen_dtype(np.uint8))
            values[0] = content
            file.create_group(f"header_{camera}")
    with pytest.raises(InputError) as caught:
        read_spectrum(path, instrument=instrument)
    if instrument != "table":
        assert "never loaded" in str(caught.value) and "rvdata" in str(caught.value)
    assert not sprung.exists()
    pickle.loads(content.tobytes())
    assert sprung.exists()  # the trap works
