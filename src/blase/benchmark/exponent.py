"""How a time grows with the size of the job."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from blase.errors import InputError


def fitted_exponent(size: Sequence[float], seconds: Sequence[float]) -> float:
    """p of seconds = c size^p, by least squares in the logarithms; `size` and `seconds` are (n,), n >= 2.

    Raises InputError unless all numbers are positive and two sizes differ.
    """
    x, y = np.asarray(size, dtype=np.float64), np.asarray(seconds, dtype=np.float64)
    if x.shape != y.shape or not (np.all(x > 0) and np.all(y > 0)) or np.unique(x).size < 2:
        raise InputError(
            "no exponent can be fitted",
            value=f"sizes {x.tolist()}, seconds {y.tolist()}",
            expected="as many positive times as positive sizes, two of which differ",
            fix="widen the wavelength range",
        )
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])
