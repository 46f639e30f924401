"""Default beliefs about the parameters of the standard forward model.

Widths are those of departures from the clone; each line departs independently. Stellar and telluric lines
apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from blase.fit.parameters import Prior
from blase.fit.penalties import GAUSSIAN, Shape
from blase.model.core_floor import FLOOR_PARAMETERS
from blase.model.lines import VoigtLines


@dataclass(frozen=True)
class LinePriorWidths:
    """Standard deviations of departures from the clone, for any shape of the prior; zero freezes a class.

    centre_shift in km/s; log_strength, log_sigma, log_gamma in natural logarithms.
    """

    centre_shift: float
    log_strength: float
    log_sigma: float
    log_gamma: float

    def array(self) -> np.ndarray:
        """The four widths in the order of the fields."""
        return np.array([self.centre_shift, self.log_strength, self.log_sigma, self.log_gamma])


STELLAR = LinePriorWidths(centre_shift=0.2, log_strength=0.69, log_sigma=0.23, log_gamma=0.23)
"""0.2 km/s, 0.3, 0.1 and 0.1 dex. Of a class of which the data determine hardly any line, as gamma of a fast
rotator, a fit cannot learn better than this."""
TELLURIC = LinePriorWidths(centre_shift=0.03, log_strength=0.2, log_sigma=0.0, log_gamma=0.15)


def line_priors(
    prefix: str, lines: VoigtLines, widths: LinePriorWidths, shapes: Mapping[str, Shape] | None = None
) -> dict[str, Prior]:
    """Priors of every class of `lines` with a positive width, centred on their present values.

    `shapes` by the name of the class (`log_strength`), Gaussian where absent.
    """
    priors = {}
    for kind in ("centre_shift", "log_strength", "log_sigma", "log_gamma"):
        width = getattr(widths, kind)
        if width > 0:
            mean = getattr(lines, kind).detach().clone()
            shape = (shapes or {}).get(kind, GAUSSIAN)
            core = torch.full_like(mean, width / shape.deviation)
            priors[f"{prefix}.lines.{kind}"] = Prior(mean, core, shape=shape)
    return priors


@dataclass(frozen=True)
class FloorPriorWidths:
    """One-sigma departures of a floor from the clone: two logits and two natural logarithms."""

    logit_core_floor: float = 0.5
    logit_wing_floor: float = 0.5
    log_core_opacity: float = 0.7
    log_wing_power: float = 0.3


def floor_priors(prefix: str, lines: VoigtLines, widths: FloorPriorWidths) -> dict[str, Prior]:
    """Priors of the floors of `lines`, centred on their present values; none where no line has one."""
    if lines.floors is None:
        return {}
    priors = {}
    for kind in FLOOR_PARAMETERS:
        mean = getattr(lines.floors, kind).detach().clone()
        priors[f"{prefix}.lines.floors.{kind}"] = Prior(mean, torch.full_like(mean, getattr(widths, kind)))
    return priors


def scalar_prior(mean: float, width: float, *, lower: float = -float("inf")) -> Prior:
    """Prior of a single number."""
    return Prior(
        torch.tensor(mean, dtype=torch.float64), torch.tensor(width, dtype=torch.float64), lower=lower
    )
