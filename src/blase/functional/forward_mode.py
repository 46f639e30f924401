"""Forward mode of torch, one thread at a time: its levels are those of the process, not of a thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

_ALONE = threading.Lock()


def directional(function: Callable[[Tensor], Any], here: Tensor, along: Tensor) -> tuple[Any, Any]:
    """Value of `function` at `here` and its derivative there `along` a direction, as `torch.func.jvp`."""
    with _ALONE:
        value, slope = torch.func.jvp(function, (here,), (along,))[:2]
    return value, slope
