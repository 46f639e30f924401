"""The basis of an order's continuum: Legendre polynomials in the order's own wavelength range."""

from __future__ import annotations

import torch
from torch import Tensor

from blase.errors import InputError


def normalised_coordinate(wavelength: Tensor) -> Tensor:
    """Map pixel wavelengths (n,) to [-1, 1], linearly: x = 2 (l - l_first) / (l_last - l_first) - 1.

    Raises
    ------
    InputError : for fewer than two pixels, or when the first and last coincide.
    """
    if len(wavelength) < 2 or bool(wavelength[-1] == wavelength[0]):
        raise InputError(
            "an order needs two distinct wavelengths to carry a continuum",
            value=f"{len(wavelength)} pixels",
            fix="leave this order out",
        )
    return 2.0 * (wavelength - wavelength[0]) / (wavelength[-1] - wavelength[0]) - 1.0


def legendre_basis(x: Tensor, degree: int) -> Tensor:
    """P_0(x) .. P_degree(x) by Bonnet's recursion (m + 1) P_{m+1} = (2m + 1) x P_m - m P_{m-1} (DLMF 18.9.1).

    Parameters
    ----------
    x : (n,) in [-1, 1].
    degree : highest degree, zero or above.

    Returns
    -------
    (n, degree + 1).

    Raises
    ------
    InputError : for a negative degree.
    """
    if degree < 0:
        raise InputError("the continuum degree is negative", value=degree, expected="zero or above")
    columns = [torch.ones_like(x), x]
    for m in range(1, degree):
        columns.append(((2 * m + 1) * x * columns[m] - m * columns[m - 1]) / (m + 1))
    return torch.stack(columns[: degree + 1], dim=-1)
