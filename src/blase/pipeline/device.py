"""The device that a user asks for: whether it is there, and what runs on it."""

from __future__ import annotations

import torch

from blase.errors import InputError

SOLVER_ON_CPU = (
    "the structured solver computes on the CPU, where lines are summed in compiled windows: nothing of this "
    "fit runs on {device}; the general path does (Objective.to and minimise_by_descent)"
)


def require_device(name: str) -> str | None:
    """None for the CPU; for a GPU that is there, what to say of it.

    Raises
    ------
    InputError
        for a device that is not known, or not in this machine.
    """
    kind = _kind(name)
    if kind == "cpu":
        return None
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if count == 0:
        raise InputError(
            "this machine has no CUDA device",
            value=name,
            expected="cpu",
            fix="leave --device (device=...) away",
        )
    if (torch.device(name).index or 0) >= count:
        raise InputError(
            "this machine has no CUDA device of that number",
            value=name,
            expected=f"cuda:0 to cuda:{count - 1}" if count > 1 else "cuda:0",
            fix="choose another --device (device=...)",
        )
    return SOLVER_ON_CPU.format(device=name)


def _kind(name: str) -> str:
    """`cpu` or `cuda`, from a name such as `cuda:1`."""
    try:
        kind = torch.device(name).type
    except (RuntimeError, TypeError):
        kind = ""
    if kind not in ("cpu", "cuda"):
        raise InputError(
            "the device is not known",
            value=name,
            expected="cpu or cuda",
            fix="leave --device (device=...) away",
        )
    return kind
