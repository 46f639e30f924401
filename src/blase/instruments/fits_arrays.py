"""Arrays out of FITS files, with complaints that name the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from blase.errors import InputError
from blase.instruments.base import look

FloatArray = NDArray[np.float64]


@contextmanager
def opened(path: Path, kind: str, expected: str) -> Iterator[fits.HDUList]:
    """The extensions of a FITS file; InputError where it is none, or not the product that is expected.

    A missing extension or column (KeyError, IndexError) or an array of another shape (ValueError) inside the
    block becomes an InputError too.
    """
    if not look(path).hdus:
        raise wrong_product(path, kind, "no FITS file", expected)
    with fits.open(path, memmap=False) as hdus:
        try:
            yield hdus
        except InputError:
            raise
        except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
            raise wrong_product(path, kind, str(error).splitlines()[0], expected) from error


def wrong_product(path: Path, kind: str, found: str, expected: str) -> InputError:
    """The complaint that a file is not the product that a reader is for."""
    return InputError(
        f"this is not {kind}",
        path=path,
        value=found,
        expected=expected,
        fix="choose another --instrument, or leave it out",
    )


def numbers(data: Any) -> FloatArray:
    """An array of the file as float64 in native byte order; TypeError where there is none."""
    if data is None:
        raise TypeError("an extension without data")
    return np.array(data, dtype=np.float64)


def rows_of(data: Any) -> FloatArray:
    """An image as (orders, pixels), a spectrum of one order included; ValueError for other shapes."""
    array = np.atleast_2d(numbers(data))
    if array.ndim != 2:
        raise ValueError(f"an image of shape {array.shape}")
    return array


def solved_pixels(columns: Mapping[str, Any], labels: Any = None) -> tuple[dict[str, Any], Any, list[str]]:
    """Rows without the pixels at their ends that have no wavelength, their labels, and the history of it.

    `columns` holds a (rows, n) array or a list of (n,) arrays for each name, 'wavelength' among them, or
    None. A row in which under two pixels have a wavelength is left out, with its label.
    """
    rows = list(columns["wavelength"])
    spans = [_span(np.asarray(wave)) for wave in rows]
    kept = [i for i, span in enumerate(spans) if span.stop - span.start >= 2]
    cut = {
        name: [values[i][spans[i]] for i in kept] for name, values in columns.items() if values is not None
    }
    lost = sum(len(wave) for wave in rows) - sum(len(wave) for wave in cut["wavelength"])
    history = [f"{lost} pixels without a wavelength left out"] if lost else []
    if len(kept) < len(rows):
        history.append(f"{len(rows) - len(kept)} of {len(rows)} orders have no wavelengths and are left out")
    return cut, None if labels is None else [labels[i] for i in kept], history


def _span(wave: FloatArray) -> slice:
    solved = np.flatnonzero(np.isfinite(wave) & (wave > 0))
    return slice(int(solved[0]), int(solved[-1]) + 1) if solved.size else slice(0, 0)


def consecutive_orders(centres: Any) -> list[int] | None:
    """Échelle orders of rows whose central wavelengths (any unit) belong to consecutive orders, or None.

    m lambda is the same for all orders: m_i = m_0 +- i with the m_0 of least scatter in ln(m_i lambda_i),
    accepted where the next best is three times worse.
    """
    centres = np.asarray(centres, dtype=np.float64)
    if centres.size < 3 or not np.all(np.isfinite(centres) & (centres > 0)):
        return None
    step = -1 if centres[-1] > centres[0] else 1
    first = np.arange(max(1, -step * (centres.size - 1) + 1), 400)
    m = first[:, None] + step * np.arange(centres.size)
    scatter = np.std(np.log(m) + np.log(centres), axis=1)
    best, second = np.sort(scatter)[:2]
    return None if second < 3 * best else [int(k) for k in m[np.argmin(scatter)]]
