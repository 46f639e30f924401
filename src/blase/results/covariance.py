"""Covariances and correlations of the numbers of a fit, on request and by name."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from blase.errors import InputError
from blase.fit.line_blocks import FloatArray, IntArray
from blase.results.linearised import COVARIANCE, LinearisedFit
from blase.results.result import FitResult

MOST = 4000
"""Numbers whose covariance is given at once: its matrix has 16 million elements."""


@dataclass(frozen=True)
class ParameterCovariance:
    """Covariance `matrix` (n, n) of the numbers `names` (n,), which have the `units` (n,)."""

    names: tuple[str, ...]
    units: tuple[str, ...]
    matrix: FloatArray

    @property
    def errors(self) -> FloatArray:
        """Standard errors (n,), all else marginalised, in the units of the numbers."""
        return np.asarray(np.sqrt(np.diag(self.matrix)))

    @property
    def correlation(self) -> FloatArray:
        """Correlations (n, n)."""
        return np.asarray(self.matrix / np.outer(self.errors, self.errors))

    def table(self, *, correlation: bool = False) -> Table:
        """One row a number: `name`, `unit`, `error`, and its covariance or `correlation` with each."""
        values = self.correlation if correlation else self.matrix
        columns: dict[str, NDArray] = {
            "name": np.array(self.names, dtype=str),
            "unit": np.array(self.units, dtype=str),
            "error": self.errors,
        }
        return Table(columns | dict(zip(self.names, values.T, strict=True)))


def covariance_of(result: FitResult, names: tuple[str, ...]) -> ParameterCovariance:
    """The covariance of the numbers `names`, or without any of all that do not belong to a single line.

    A name is that of a number, or the beginning of several before a dot: `S00012` are all of that line,
    `continuum` all coefficients of every order.

    Raises
    ------
    InputError
        for a name that the fit does not have, for one that was held, for more than `MOST` numbers, and for a
        fit whose file `covariance.safetensors` is gone.
    """
    known = result.linearised
    if known is None:
        raise InputError(
            "this fit has no covariances",
            value=f"{COVARIANCE} is missing",
            expected="the file that blase fit writes beside summary.json",
            fix="fit again with --overwrite",
        )
    rows = np.concatenate([_rows(known, name) for name in names]) if names else _of_no_line(result, known)
    rows = rows[np.sort(np.unique(rows, return_index=True)[1])]
    if rows.size > MOST:
        raise InputError(
            "these are too many numbers for one covariance",
            value=rows.size,
            expected=f"at most {MOST}",
            fix="name fewer lines or orders at a time",
        )
    some = tuple(known.names[k] for k in rows)
    return ParameterCovariance(some, tuple(known.units[k] for k in rows), known.covariance(rows))


def _rows(known: LinearisedFit, name: str) -> IntArray:
    """Places of the number `name`, or of those that begin with it before a dot."""
    found = np.array(
        [k for k, other in enumerate(known.names) if other == name or other.startswith(f"{name}.")],
        dtype=np.int64,
    )
    if found.size:
        return found
    beginnings = {other.rsplit(".", k)[0] for other in known.names for k in range(other.count(".") + 1)}
    near = get_close_matches(name, sorted(beginnings), n=1)
    raise InputError(
        "no covariance is known of this name",
        value=name,
        expected="a number that was fitted: radial_velocity, continuum.ROW, S00012 or S00012.strength",
        fix=f"perhaps {near[0]} is meant"
        if near
        else "blase covariance DIR and blase lines DIR show the names",
    )


def _of_no_line(result: FitResult, known: LinearisedFit) -> IntArray:
    """Places of all numbers that do not belong to a single line."""
    lines = {str(name) for name in result.lines["line_id"]}
    return np.array(
        [k for k, name in enumerate(known.names) if name.split(".")[0] not in lines], dtype=np.int64
    )
