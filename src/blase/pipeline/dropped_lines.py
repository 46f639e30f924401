"""Cloned lines that a fit dropped, in the table of lines: where they would be, and that they are not
there.
"""

from __future__ import annotations

import numpy as np
from astropy.table import QTable

from blase.containers.line_list import LineList
from blase.functional.doppler import doppler_factor
from blase.pipeline.order_rows import rows_of
from blase.pipeline.prepare import Pixels


def dropped_rows(like: QTable, lines: LineList, velocity: float, pixels: list[Pixels]) -> QTable:
    """Rows with the columns of `like` for the `lines` of a star at `velocity` [km/s].

    Strength and equivalent width are zero; nothing is known of their errors (NaN); the rest is as cloned.
    """
    observed = lines.centre * float(doppler_factor(velocity))
    table = QTable()
    for name in like.colnames:
        unit = like[name].unit if hasattr(like[name], "unit") else None
        values = np.full(len(lines), np.nan)
        of = name.removesuffix("_cloned")
        if of in ("centre", "strength", "sigma", "gamma"):
            values = getattr(lines, of).copy()
        table[name] = values if unit is None else values * unit
    for name in ("strength", "equivalent_width", "centre_shift", "centre_shift_cloned"):
        table[name] = np.zeros(len(lines)) * like[name].unit
    table["line_id"], table["origin"] = np.full(len(lines), "S"), np.full(len(lines), "stellar")
    table["status"] = np.full(len(lines), "dropped")
    table["blend"] = np.zeros(len(lines), dtype=np.int64)
    table["prior_dominated"] = np.ones(len(lines), dtype=bool)
    table["order"], table["_observed"] = rows_of(observed, pixels), observed
    return table
