"""What a fit gives back: plain arrays, tables and one summary, ready to be written or drawn."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.table import QTable

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure
    from torch import Tensor

    from blase.results.covariance import ParameterCovariance
    from blase.results.linearised import LinearisedFit


LEAST_TRANSMISSION = 0.05
"""Blurred transmission below which the telluric-free spectrum is masked."""


@dataclass(frozen=True)
class OrderFit:
    """One fitted order on its detector pixels; every array has shape (n_pixels,).

    `flux`, `model`, `continuum`, `residual` and `telluric_free` share the unit `flux_unit` of the data;
    `star` and `telluric` are normalised and each blurred alone, so their product is not the model.
    `mask` is True where a pixel was not fitted. `residual` is flux - model. Where wavelengths were corrected
    in the fit, the true ones are wavelength * exp(displacement / c), `displacement` in km/s; else it is None.
    `airglow` is the light of the sky inside `model`, None where there is none.
    """

    row: int
    wavelength: np.ndarray
    flux: np.ndarray
    uncertainty: np.ndarray
    mask: np.ndarray
    model: np.ndarray
    star: np.ndarray
    telluric: np.ndarray
    continuum: np.ndarray
    telluric_free: np.ndarray
    flux_unit: str = ""
    displacement: np.ndarray | None = None
    airglow: np.ndarray | None = None

    @property
    def residual(self) -> np.ndarray:
        """Data minus model, shape (n_pixels,)."""
        return self.flux - self.model

    @property
    def seen(self) -> np.ndarray:
        """Blurred transmission that the star's light had, <star telluric> / <star>, shape (n_pixels,)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            starlight = self.model if self.airglow is None else self.model - self.airglow
            return starlight / (self.continuum * self.star)

    @property
    def telluric_free_uncertainty(self) -> np.ndarray:
        """Of the noise in `telluric_free`, one standard deviation, shape (n_pixels,)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.uncertainty / self.seen

    @property
    def telluric_free_mask(self) -> np.ndarray:
        """True where nothing is recovered: masked, or transmission below `LEAST_TRANSMISSION`."""
        return self.mask | ~(self.seen >= LEAST_TRANSMISSION)


@dataclass(frozen=True)
class FitResult:
    """Everything `blase fit` writes, as Python objects.

    `summary` is the content of `summary.json`; `lines` the table of `lines.ecsv`; `template` the
    super-resolution stellar template; `state` the tensors of `model.safetensors`; `convergence` one
    dictionary per solver iteration (`stage`, `iteration`, `objective`, `residual_rms`); `linearised` what
    covariances are made of, None where its file is gone.
    """

    summary: dict[str, Any]
    lines: QTable
    orders: tuple[OrderFit, ...]
    template: QTable
    state: dict[str, Tensor]
    convergence: list[dict[str, Any]] = field(default_factory=list)
    linearised: LinearisedFit | None = None

    @property
    def converged(self) -> bool:
        """Whether the solver reached its tolerance."""
        return bool(self.summary["converged"])

    @property
    def parameters(self) -> dict[str, u.Quantity]:
        """The global parameters as quantities; those without a value are left out."""
        entries = {k: v for k, v in self.summary.items() if isinstance(v, dict) and "unit" in v}
        return {k: v["value"] * u.Unit(v["unit"]) for k, v in entries.items() if v["value"] is not None}

    @property
    def errors(self) -> dict[str, u.Quantity]:
        """Standard errors of `parameters`; those that have none (held, or an upper limit) are left out."""
        entries = {k: v for k, v in self.summary.items() if isinstance(v, dict) and "unit" in v}
        return {k: v["error"] * u.Unit(v["unit"]) for k, v in entries.items() if v["error"] is not None}

    def covariance(self, *names: str) -> ParameterCovariance:
        """Covariance of numbers of the fit, as in `covariance("radial_velocity", "S00012")`.

        Without names it is that of all that do not belong to a single line; see `blase.results.covariance`.
        """
        from blase.results.covariance import covariance_of

        return covariance_of(self, names)

    @classmethod
    def read(cls, directory: str | Path) -> FitResult:
        """The fit that was written into `directory`; see `blase.results.read`."""
        from blase.results.read import read_result

        return read_result(directory)

    def write(self, directory: str | Path, *, overwrite: bool = False) -> Path:
        """Write every file of the result into `directory` atomically; see `blase.results.files`."""
        from blase.results.files import write_result

        return write_result(self, directory, overwrite=overwrite)

    def plot(self, order: int | None = None) -> Figure:
        """Draw data, model, components and residuals of one order (the first by default)."""
        from blase.results.figure import plot_fit

        return plot_fit(self, order=order)
