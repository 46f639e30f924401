"""HDF5 files through h5py, which the extra `hdf5` brings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from blase.errors import InputError

_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def is_hdf5(start: bytes) -> bool:
    """Whether the first bytes of a file are those of HDF5, netCDF 4 included."""
    return start.startswith(_SIGNATURE)


def datasets(path: Path, names: tuple[str, ...], *, optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """Arrays by name from the top of an HDF5 file; InputError where one of `names` is missing."""
    found = all_datasets(path)
    missing = [name for name in names if name not in found]
    if missing:
        raise InputError(
            "the HDF5 file lacks a dataset",
            path=path,
            value=f"no {', '.join(missing)}; there are {', '.join(found) or 'none'}",
            expected=", ".join(names),
            fix="choose another --instrument, or leave it out",
        )
    return {name: found[name] for name in (*names, *optional) if name in found}


def all_datasets(path: Path) -> dict[str, Any]:
    """All numeric arrays at the top of an HDF5 file by name; InputError for a damaged file or without
    h5py.
    """
    return {name: values for name, (values, _) in _contents(path).items()}


def units(path: Path) -> dict[str, str]:
    """What the attributes `unit` or `units` of the arrays say, by name; those without one are left out."""
    return {name: unit for name, (_, unit) in _contents(path).items() if unit}


def _contents(path: Path) -> dict[str, tuple[Any, str]]:
    """Numeric arrays at the top of the file, with the unit in their attributes or ''."""
    try:
        import h5py
    except ImportError as error:
        raise InputError(
            "HDF5 files need the package h5py",
            path=path,
            value="h5py cannot be imported",
            expected="blase-echelle with its extra hdf5",
            fix="pip install 'blase-echelle[hdf5]'",
        ) from error
    try:
        with h5py.File(path, "r") as file:
            kept = {name: item for name, item in file.items() if isinstance(item, h5py.Dataset)}
            return {
                name: (np.asarray(item), _unit(item.attrs))
                for name, item in kept.items()
                if item.dtype.kind in "biuf"
            }
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise InputError(
            "the HDF5 file is truncated or damaged",
            path=path,
            value=str(error),
            expected="a complete HDF5 file",
            fix="copy or download the file again",
        ) from error


def _unit(attributes: Any) -> str:
    value = attributes.get("unit", attributes.get("units", ""))
    return value.decode("utf-8", "replace").strip() if isinstance(value, bytes) else str(value).strip()
