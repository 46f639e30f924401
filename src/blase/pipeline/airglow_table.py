"""What a fit found of the airglow, for the summary."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from blase.atmosphere.airglow import AirglowLines
from blase.fit.order_columns import airglow_name, airglow_velocity_name
from blase.pipeline.airglow import lines_of
from blase.pipeline.prepare import Pixels
from blase.pipeline.solve import Solved
from blase.pipeline.uncertainty import scalar_error, vector_errors


def airglow_table(
    solved: Solved, airglow: AirglowLines | None, pixels: list[Pixels], velocity: float
) -> list[dict[str, Any]] | None:
    """Light of every group of lines, in order of wavelength; None where no airglow was asked for.

    `flux` is the integral over the line in the unit of the data times Angstrom, before the blaze, with its
    `error`; `names` are the lines of the group, and `velocity` that by which all lines of the order are
    displaced [km/s], with its error (None where it is held).
    """
    if airglow is None:
        return None
    found = []
    for number, (p, order) in enumerate(zip(pixels, solved.model.orders, strict=True)):
        if order.airglow is None:
            continue
        lines = lines_of(airglow, p, velocity)
        values = order.airglow.amplitudes.detach().numpy() * p.scale
        errors = vector_errors(solved, airglow_name(number))
        assert errors is not None
        moved = float(order.airglow.velocity.detach())
        uncertain = scalar_error(solved, airglow_velocity_name(number))
        for k, (value, error) in enumerate(zip(values, errors * p.scale, strict=True)):
            row = _row(lines, lines.group == k, p.row, float(value), float(error))
            found.append(row | {"velocity": moved, "velocity_error": uncertain})
    return sorted(found, key=lambda row: (row["wavelength"], row["order"]))


def _row(
    lines: AirglowLines, mine: NDArray[np.bool_], row: int, value: float, error: float
) -> dict[str, Any]:
    names = [name for name, chosen in zip(lines.names, mine, strict=True) if chosen]
    middle = float(np.average(lines.centre[mine], weights=lines.intensity[mine]))
    return {"names": names, "wavelength": middle, "order": row, "flux": value, "error": error}
