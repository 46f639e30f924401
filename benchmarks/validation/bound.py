"""The smallest errors that an unbiased fit can have: Fisher information where the truth is.

With J the derivative of the model by its parameters at the truth, S the errors of the pixels and P the true
widths of the priors, C = (J^T S^-2 J + P^-2)^-1 is the covariance that remains (van Trees 1968, Detection,
Estimation and Modulation Theory I, section 2.4.3, without the average over truths). The square roots of its
diagonal have everything else marginalised.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from blase.cloning import Clone
from blase.containers import EchelleSpectrum
from blase.fit.data_space import DataSpace
from blase.fit.jacobian import jacobian
from blase.fit.objective import Objective
from blase.model.forward import SpectrumModel
from blase.pipeline.build import Settings, build_objective, within_reach
from blase.pipeline.options import Freedom
from blase.pipeline.prepare import to_pixels
from blase.simulation import TrueLines, Truth
from validation.truth import RELATIVE_ERROR, STAR_WIDTHS, TELLURIC_WIDTHS

CONTINUUM_DEGREE = 5


def bounds(spectrum: EchelleSpectrum, truths: Sequence[Truth], *, resolving_power: float) -> dict[str, float]:
    """Bounds of the errors of radial velocity and vsini [km/s] and of the resolving power.

    `truths` are those of the orders of `spectrum`, `resolving_power` what their own scatter about.
    """
    objective = objective_at_truth(spectrum, truths, resolving_power=resolving_power)
    space = objective.space
    variance = DataSpace(jacobian(objective.model, objective.data, space)).posterior.variance
    error = {
        name: float(np.sqrt(variance[space.slices[name].start]) * space.priors[name].width)
        for name in ("star.radial_velocity", "star.vsini_squared", "line_spread.log_resolving_power")
    }
    return {
        "radial_velocity": error["star.radial_velocity"],
        "vsini": error["star.vsini_squared"] / (2 * truths[0].vsini),
        "resolving_power": error["line_spread.log_resolving_power"] * resolving_power,
    }


def objective_at_truth(
    spectrum: EchelleSpectrum, truths: Sequence[Truth], *, resolving_power: float
) -> Objective[SpectrumModel]:
    """The objective of a fit with the true widths of the priors, its model as the simulated star is."""
    pixels, truth = [to_pixels(order) for order in spectrum.orders], truths[0]
    airy = len(truth.telluric_lines.lines) > 0
    settings = Settings(
        star=_clone("stellar", truth.star_lines),
        telluric=_clone("telluric", truth.telluric_lines) if airy else None,
        radial_velocity=truth.radial_velocity,
        vsini=truth.vsini,
        wind_velocity=truth.wind_velocity,
        resolving_power=resolving_power,
        resolving_power_error=RELATIVE_ERROR * resolving_power,
        limb_darkening=truth.limb_darkening,
        continuum_degree=CONTINUUM_DEGREE,
        freedom=Freedom(),
        stellar_prior=STAR_WIDTHS,
        telluric_prior=TELLURIC_WIDTHS,
    )
    n_pixels = sum(p.flux.numel() for p in pixels)
    settings = within_reach(settings, pixels)
    objective = build_objective(pixels, settings, np.ones(len(pixels)), np.ones(n_pixels))
    for order, p, own in zip(objective.model.orders, pixels, truths, strict=True):
        assert order.continuum is not None
        level = np.linalg.lstsq(order.continuum.basis.numpy(), own.continuum / p.scale)[0]
        order.continuum.coefficients.data = torch.from_numpy(level)
        departure = order.log_resolving_power_departure
        if isinstance(departure, torch.Tensor):
            departure.data.fill_(float(np.log(own.resolving_power / resolving_power)))
    return objective


def _clone(kind: str, true: TrueLines) -> Clone:
    lines = true.present()
    return Clone(kind, lines, (float(lines.centre[0]), float(lines.centre[-1])), {})  # type: ignore[arg-type]
