"""Functions of torch that are called once before any two threads call them at the same time.

Where two threads of torch made the first call of `torch.exp` in a process together, one of them computed its
half to 4e-9 instead of 1e-16 (4 of some 120 processes; Xeon, torch 2.13 with MKL): whatever chooses the
accuracy at the first call is not safe between threads. A call for one number runs on one thread.
"""

from __future__ import annotations

import torch

_NAMES = ("exp", "expm1", "log", "log1p", "sin", "cos", "sqrt", "rsqrt", "tanh")

for _name in _NAMES:
    getattr(torch, _name)(torch.ones(1, dtype=torch.float64))
