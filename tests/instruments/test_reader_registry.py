"""Finding readers: by content, by name, and from plug-ins."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import numpy as np
import pytest

from blase.containers import from_arrays
from blase.errors import InputError
from blase.instruments import Reader, read_spectrum, readers, registry


class ToyReader:
    """Reads files that begin with TOY: wavelengths 8000 A onwards, flux one."""

    name = "toy"

    def recognises(self, head):
        return head.start.startswith(b"TOY")

    def read(self, path, options):
        return from_arrays(
            8000.0 + np.arange(60), np.ones(60), np.ones(60), wavelength_unit="A", path=str(path)
        )


@pytest.fixture
def plug_in(monkeypatch):
    """A function that installs one entry point in place of all others."""

    def install(value):
        point = EntryPoint("toy", value, registry.ENTRY_POINTS)
        monkeypatch.setattr(
            registry, "entry_points", lambda *, group: [point] if group == "blase.readers" else []
        )

    return install


def test_built_in_readers_satisfy_the_protocol():
    assert {"hpf", "table"} <= set(readers())
    assert all(isinstance(reader, Reader) for reader in readers().values()) and list(readers())[-1] == "table"


@pytest.mark.parametrize("asked", ["hfp", "HPFF", "tabel"])
def test_unknown_name_gets_a_suggestion(tmp_path, asked):
    (tmp_path / "s.txt").write_text("1 2\n")
    with pytest.raises(InputError, match="did you mean") as caught:
        read_spectrum(tmp_path / "s.txt", instrument=asked)
    assert all(name in str(caught.value) for name in readers()) and repr(asked) in str(caught.value)


def test_plug_in_is_found_by_content_and_by_name(tmp_path, plug_in, monkeypatch):
    monkeypatch.setattr(EntryPoint, "load", lambda self: ToyReader)
    plug_in("toy:ToyReader")
    (tmp_path / "s.toy").write_text("TOY")
    assert read_spectrum(tmp_path / "s.toy").n_good == 60
    assert read_spectrum(tmp_path / "s.toy", instrument="TOY").n_good == 60


def test_plug_in_that_fails_is_named(plug_in):
    plug_in("no_such_module:Reader")
    with pytest.raises(InputError, match="plug-in toy cannot be loaded"):
        readers()


def test_plug_in_that_is_no_reader_is_named(plug_in):
    plug_in("math:pi")
    with pytest.raises(InputError, match="plug-in toy is not a reader"):
        readers()
