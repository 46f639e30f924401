"""The optimiser of the baseline: Adam on the parameters of all lines."""

from __future__ import annotations

import time
from typing import Any

import torch

from blase.benchmark.native import NativeMisfit, free_parameters

LEARNING_RATE = 0.05
"""Step of the logarithms, and of the centres [km/s]."""


def minimise_with_adam(misfit: NativeMisfit, *, epochs: int) -> list[dict[str, Any]]:
    """Take `epochs` steps of Adam (Kingma & Ba 2015, with AMSGrad); seconds and residual after each.

    `residual_rms` is that of the parameters after the step. The evaluation that measures the last one is not
    in `seconds`.
    """
    optimiser = torch.optim.Adam(free_parameters(misfit.lines), LEARNING_RATE, amsgrad=True)
    history: list[dict[str, Any]] = []
    start = time.perf_counter()
    for epoch in range(1, epochs + 1):
        optimiser.zero_grad()
        value = misfit()
        if history:
            history[-1]["residual_rms"] = float(value.detach()) ** 0.5
        value.backward()
        optimiser.step()
        history.append({"epoch": epoch, "seconds": time.perf_counter() - start})
    with torch.no_grad():
        history[-1]["residual_rms"] = float(misfit()) ** 0.5
    return history
