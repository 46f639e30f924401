"""What an installation of blasé has, what it lacks for which purpose, and whether its operators are right."""

from __future__ import annotations

import os
import shutil
import time
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from blase.benchmark.machine import describe_machine

_AGREEMENT = 1e-5
"""Largest difference in optical depth between the compiled operator and the plain sum that is right."""


def examine() -> dict[str, Any]:
    """Everything that `blase doctor` says, as JSON types.

    `machine`, `packages` (version by name, None where it is missing), `gpu` (name or None), `back_ends`,
    `cache`, `readers`, `purposes` (for each whether it is `ready`, and what `lacks`), and `sound`: whether
    what fits need is there and right.
    """
    back_ends = _back_ends()
    packages = _packages()
    cache = _cache()
    return {
        "machine": describe_machine(),
        "packages": packages,
        "gpu": torch.cuda.get_device_name(0) if torch.cuda.is_available() else None,
        "back_ends": back_ends,
        "cache": cache,
        "readers": _readers(),
        "purposes": _purposes(packages, cache),
        "sound": back_ends["agree"] and None not in packages.values(),
    }


def _packages() -> dict[str, str | None]:
    """Versions of what blasé requires, and None of what is missing."""
    try:
        needed = requires("blase-echelle") or []
    except PackageNotFoundError:
        needed = []
    names = sorted({_bare(text) for text in needed if "extra ==" not in text})
    return {name: _version(name) for name in names}


def _bare(requirement: str) -> str:
    """The name in a requirement such as `numpy>=1.26`."""
    end = next((k for k, letter in enumerate(requirement) if not (letter.isalnum() or letter in "-_.")), None)
    return requirement[:end]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _back_ends() -> dict[str, Any]:
    """Compile the fast operator, or load it, and compare it with the plain sum on a hundred lines."""
    from blase.functional.grid import log_grid
    from blase.functional.optical_depth import optical_depth, sampling

    generator = np.random.default_rng(0)
    grid = sampling(log_grid(8600.0, 8610.0, step=1.0))
    lines = {
        "centre": generator.uniform(8600, 8610, 100),
        "strength": 10 ** generator.uniform(-4, -1, 100),
        "sigma": generator.uniform(0.03, 0.06, 100),
        "gamma": generator.uniform(0.003, 0.02, 100),
    }
    tensors: dict[str, Any] = {name: torch.from_numpy(values) for name, values in lines.items()}
    start = time.perf_counter()
    fast = optical_depth(grid, **tensors)
    first = time.perf_counter() - start
    difference = float((fast - optical_depth(grid, **tensors, backend="torch")).abs().max())
    return {
        "line operator": "numba (compiled, CPU), checked against torch",
        "difference": difference,
        "first_call_seconds": round(first, 2),
        "agree": difference < _AGREEMENT,
        "solver": "structured, CPU",
    }


def _cache() -> dict[str, Any]:
    """Where fetched templates are kept, how much there is, how much room, and whether it can be written."""
    from blase.templates.download import cache_directory

    folder = cache_directory()
    nearest = next(parent for parent in (folder, *folder.parents) if parent.is_dir())
    files = [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
    return {
        "folder": str(folder),
        "files": len(files),
        "megabytes": round(sum(path.stat().st_size for path in files) / 1e6, 1),
        "free_gigabytes": round(shutil.disk_usage(nearest).free / 1e9, 1),
        "writable": os.access(nearest, os.W_OK),
        "compiled_code": _compiled_code(),
    }


def _compiled_code() -> str:
    """Where numba keeps compiled code: beside the package, or where it was told to."""
    told = os.environ.get("NUMBA_CACHE_DIR")
    if told:
        return told
    beside = Path(__file__).parents[1] / "functional"
    return str(beside / "__pycache__") if os.access(beside, os.W_OK) else "numba's own cache"


def _readers() -> list[str]:
    from blase.instruments.registry import readers

    return list(readers())


def _purposes(packages: dict[str, str | None], cache: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """For everything that blasé is used for, whether it is ready and what it lacks."""
    missing = [name for name, found in packages.items() if found is None]
    browser = shutil.which("chromedriver") and (shutil.which("chromium") or shutil.which("google-chrome"))
    return {
        "fits, reports, figures": _purpose(not missing, f"pip install {' '.join(missing)}"),
        "computing on a GPU": _purpose(torch.cuda.is_available(), "no CUDA device; fits use the CPU anyway"),
        "fetching PHOENIX templates": _purpose(cache["writable"], f"{cache['folder']} cannot be written"),
        "testing blasé": _purpose(find_spec("pytest") is not None, "pip install 'blase-echelle[dev]'"),
        "testing the report in a browser": _purpose(bool(browser), "apt-get install chromium-driver"),
        "building the documentation": _purpose(
            find_spec("sphinx") is not None, "pip install 'blase-echelle[docs]'"
        ),
    }


def _purpose(ready: bool, lacks: str) -> dict[str, Any]:
    return {"ready": ready, "lacks": None if ready else lacks}
