"""Strict JSON: numbers that JSON cannot hold become null, keys keep the order in which they were set."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


def to_text(value: Any) -> str:
    """Return `value` as indented strict JSON ending in a newline."""
    return json.dumps(plain(value), indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def to_line(value: Any) -> str:
    """Return `value` as one line of strict, pure-ASCII JSON without a newline."""
    return json.dumps(plain(value), allow_nan=False, ensure_ascii=True)


def plain(value: Any) -> Any:
    """Reduce numpy scalars and arrays, tuples and paths to JSON types; non-finite numbers to None.

    Raises `TypeError` for anything else, so that nothing is written as its repr by accident.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    if value is None or isinstance(value, bool | int | str):
        return value
    raise TypeError(f"{type(value).__name__} has no place in JSON: {value!r}")
