"""The world coordinates that IRAF writes into headers: linear, and 'multispec', one function per aperture.

Valdes 1993, "The IRAF/NOAO Spectral World Coordinate Systems" (ASP Conf. Ser. 52, 467), also the help page
`specwcs` of IRAF (iraf.net/irafhelp.php?val=specwcs).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blase.errors import InputError

FloatArray = NDArray[np.float64]
_CARD = 68
"""Characters in the value of a card, trailing blanks, which FITS drops, included."""


def wcs_attributes(values: Mapping[str, Any], axis: int) -> str:
    """The text of the keywords WATn_001, WATn_002, ... of one axis, put together."""
    cards = sorted(key for key in values if re.fullmatch(rf"WAT{axis}_\d{{3}}", key))
    return "".join(str(values[key]).ljust(_CARD) for key in cards).rstrip()


@dataclass(frozen=True)
class Aperture:
    """One spectrum of a multispec file: its beam (the échelle order) and its wavelengths (n,), as given.

    Parameters
    ----------
    doppler_factor : z of 'wavelength / (1 + z)', already applied to `wavelength`; 0 where there is none.
    """

    beam: int
    wavelength: FloatArray
    doppler_factor: float


def multispec(
    values: Mapping[str, Any], n_apertures: int, n_pixels: int, *, path: Any = None
) -> list[Aperture]:
    """The wavelengths of each aperture from the keywords WAT2_nnn.

    specN = "ap beam dtype w1 dw nw z aplow aphigh [functions]": dtype 0 linear, 1 linear in the logarithm, 2
    the sum of weighted functions (Chebyshev, Legendre, cubic spline, linear spline, pixel list). Raises
    InputError where an aperture is missing or its function is unknown.
    """
    text = wcs_attributes(values, 2)
    found = {int(k): spec for k, spec in re.findall(r'spec(\d+)\s*=\s*"([^"]*)"', text)}
    apertures = []
    for k in range(1, n_apertures + 1):
        try:
            apertures.append(_aperture([float(word) for word in found[k].split()], n_pixels))
        except (KeyError, ValueError, IndexError) as error:
            raise InputError(
                f"the wavelengths of aperture {k} cannot be made out",
                path=path,
                value=f"{error}; {found.get(k, 'nothing')[:60]}",
                expected='WAT2_nnn with specN = "ap beam dtype w1 dw nw z aplow aphigh ..."',
                fix="write the file again with IRAF, or convert it to a table",
            ) from error
    return apertures


def _aperture(words: list[float], n_pixels: int) -> Aperture:
    beam, kind, start, step, z = int(words[1]), int(words[2]), words[3], words[4], words[6]
    pixel = np.arange(1.0, n_pixels + 1)
    if kind in (0, 1):
        wavelength = start + step * (pixel - 1)
        wavelength = 10.0**wavelength if kind == 1 else wavelength
    elif kind == 2:
        wavelength = _functions(words[9:], pixel)
    else:
        raise ValueError(f"dispersion type {kind}")
    return Aperture(beam, wavelength / (1.0 + z), z)


def _functions(words: list[float], pixel: FloatArray) -> FloatArray:
    """sum_i w_i (d_i + f_i(pixel)) over the functions that follow one another in `words`."""
    total, i = np.zeros_like(pixel), 0
    while i < len(words):
        weight, offset, kind = words[i], words[i + 1], int(words[i + 2])
        value, used = _function(kind, words[i + 3 :], pixel)
        total += weight * (offset + value)
        i += 3 + used
    return total


def _function(kind: int, words: list[float], pixel: FloatArray) -> tuple[FloatArray, int]:
    """One function and the number of words it used: 1 Chebyshev, 2 Legendre, 3 cubic spline, 4 linear spline,
    5 pixel list.
    """
    if kind in (1, 2):
        n, low, high = int(words[0]), words[1], words[2]
        x = (2.0 * pixel - (high + low)) / (high - low)
        basis = np.polynomial.chebyshev.chebval if kind == 1 else np.polynomial.legendre.legval
        value = np.asarray(basis(x, _exactly(words[3 : 3 + n], n)), dtype=np.float64)
        return value, 3 + n
    if kind in (3, 4):
        n, low, high = int(words[0]), words[1], words[2]
        extra = 3 if kind == 3 else 1
        x = n * (pixel - low) / (high - low)
        return _spline(x, _exactly(words[3 : 3 + n + extra], n + extra), n, cubic=kind == 3), 3 + n + extra
    if kind == 5:
        n = int(words[0])
        return np.interp(pixel, np.arange(1.0, n + 1), _exactly(words[1 : 1 + n], n)), 1 + n
    raise ValueError(f"function type {kind}")


def _exactly(words: list[float], n: int) -> FloatArray:
    if len(words) != n or n < 1:
        raise ValueError(f"{len(words)} coefficients in place of {n}")
    return np.array(words)


def _spline(x: FloatArray, c: FloatArray, n: int, *, cubic: bool) -> FloatArray:
    """IRAF's splines over `n` pieces: value at x = piece j plus fraction b (a = 1 - b)."""
    j = np.clip(np.floor(x).astype(int), 0, n - 1)
    b = x - j
    a = 1.0 - b
    if not cubic:
        return c[j] * a + c[j + 1] * b
    return (
        c[j] * a**3
        + c[j + 1] * (1.0 + 3.0 * a * (1.0 + a * b))
        + c[j + 2] * (1.0 + 3.0 * b * (1.0 + a * b))
        + c[j + 3] * b**3
    )
