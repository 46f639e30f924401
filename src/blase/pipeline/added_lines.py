"""What is believed of lines that were found in the data and not in a template.

Their strength has a half-normal prior, whose width is the strength of typical weak lines; their centre a
normal one as wide as the line spread about the place where they were found. Their widths are believed to be
near those of their neighbours, as closely as those of other lines to their clones.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from blase.fit.half_normal import WIDTH, partly
from blase.fit.parameters import Prior

OWN_PRIORS = ("centre_shift", "log_strength")
"""Parameters of which added lines have a prior of their own."""
FWHM_PER_SIGMA = 2.3548200450309493


def own_priors(name: str, added: NDArray[np.bool_], where: slice) -> NDArray[np.bool_]:
    """Which entries of the parameter `name` of lines do not follow the prior width of their class.

    `added` (n_lines,) are lines of the star; `where` is the place of the parameter in z.
    """
    prefix, kind = name.split(".", 1)[0], name.rsplit(".", 1)[1]
    if prefix == "star" and kind in OWN_PRIORS:
        return added
    return np.zeros(where.stop - where.start, dtype=bool)


def with_added(priors: dict[str, Prior], added: NDArray[np.bool_], *, resolution: float) -> dict[str, Prior]:
    """The `priors` of the lines of one absorber, those of its `added` lines (n_lines,) their own.

    `resolution` is the full width of the line spread [km/s].
    """
    if not added.any():
        return priors
    which, out = torch.from_numpy(added), dict(priors)
    for name, prior in priors.items():
        kind = name.rsplit(".", 1)[1]
        width = {"centre_shift": resolution / FWHM_PER_SIGMA, "log_strength": WIDTH}.get(kind)
        if width is not None:
            shape = partly(prior.shape, added) if kind == "log_strength" else prior.shape
            out[name] = replace(prior, width=torch.where(which, width, prior.width), shape=shape)
    return out
