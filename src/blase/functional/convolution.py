"""Convolution on the ln(lambda) grid through the FFT."""

from __future__ import annotations

import torch
from torch import Tensor

from blase.errors import InputError


def apply_transfer(flux: Tensor, transfer: Tensor) -> Tensor:
    """Circular convolution of a flux with the kernel whose Fourier transform is ``transfer``.

    With L(k) = integral of L(v) exp(-i k v) dv, the result is irfft(rfft(flux) L(k)). It wraps around:
    the caller pads the grid by the reach of the kernel at both ends.

    Parameters
    ----------
    flux : (..., n), uniform in ln(lambda).
    transfer : (..., n // 2 + 1), real or complex, at `blase.functional.grid.angular_frequency(n, step)`.

    Returns
    -------
    (..., n).

    Raises
    ------
    InputError : if the lengths do not belong together.
    """
    n = flux.shape[-1]
    if transfer.shape[-1] != n // 2 + 1:
        raise InputError(
            "the transfer function does not fit the flux",
            value=f"{transfer.shape[-1]} frequencies for {n} samples",
            expected=f"{n // 2 + 1} frequencies",
            fix="evaluate it at angular_frequency(n, step)",
        )
    return torch.fft.irfft(torch.fft.rfft(flux) * transfer, n=n)
