"""From a solved fit to what a user sees: summary, tables, spectra."""

from __future__ import annotations

import importlib.metadata
import platform
from typing import Any

import numpy as np
import torch
from astropy import units as u
from astropy.table import QTable
from numpy.typing import NDArray

from blase.cloning.clone import Clone
from blase.constants import SPEED_OF_LIGHT
from blase.containers.metadata import Metadata
from blase.fit.data_space import DataSpace
from blase.fit.evidence import log_evidence
from blase.functional.continuum import legendre_basis
from blase.functional.doppler import compose_velocities, doppler_factor
from blase.functional.grid import log_grid
from blase.functional.line_spread import velocity_sigma
from blase.functional.optical_depth import sampling
from blase.model.forward import OrderModel
from blase.pipeline.attempt import order_slices
from blase.pipeline.build import Settings
from blase.pipeline.heldout import weighted_rms
from blase.pipeline.order_table import PRIOR_DOMINATED, STRAINED, displacement, entry, of_order
from blase.pipeline.prepare import Pixels
from blase.pipeline.prior_widths import at_upper_bound, describe
from blase.pipeline.solve import Solved
from blase.pipeline.uncertainty import scalar_error, template_errors, upper_limit, vector_errors
from blase.results.result import OrderFit

FloatArray = NDArray[np.float64]
_DEGENERATE = 0.95
_TEMPLATE_STEP = 0.25
_PACKAGES = ("blase-echelle", "torch", "numpy", "scipy", "numba", "astropy")


def strained_parameters(solved: Solved, settings: Settings) -> list[str]:
    """Sentences on shared parameters far outside their priors, unseen rotation, prior widths at a bound."""
    z, found = solved.solution.z.numpy(), []
    for name, where in solved.objective.space.slices.items():
        if name.startswith("orders."):
            continue
        if where.stop - where.start == 1 and abs(z[where.start]) > STRAINED:
            found.append(
                f"{name} ended {abs(z[where.start]):.1f} prior widths from its prior: the model is strained"
            )
    if "upper_limit_95" in (vsini := _speed(solved, "star.vsini_squared")):
        limit = (
            f"rotation is not seen: vsini is below {vsini['upper_limit_95']:.3g} km/s with 95 % probability"
        )
        strained = any("log_sigma_scale" in text for text in found)
        found.append(limit + (", if the strained line widths are believed" if strained else ""))
    found.extend(
        f"the prior width of {name} ended at its bound: lines depart farther from the clone than is allowed"
        for name in at_upper_bound(_line_priors(solved, settings))
    )
    return found


def order_fits(solved: Solved, pixels: list[Pixels], flux_unit: str) -> tuple[OrderFit, ...]:
    """Every order on its pixels, in the units of the data."""
    with torch.no_grad():
        light = solved.model.light()
    out = []
    for p, seen, order in zip(pixels, light, solved.model.orders, strict=True):
        model, star, telluric, continuum, sky = (t.numpy() for t in seen)
        with np.errstate(divide="ignore", invalid="ignore"):
            recovered = (p.flux_as_read - sky * p.scale) * star / (model - sky) * continuum
        out.append(
            OrderFit(
                row=p.row,
                wavelength=p.wavelength,
                flux=p.flux_as_read,
                uncertainty=p.uncertainty_as_read,
                mask=~p.used.numpy(),
                model=model * p.scale,
                star=star,
                telluric=telluric,
                continuum=continuum * p.scale,
                telluric_free=recovered,
                flux_unit=flux_unit,
                displacement=displacement(order),
                airglow=None if order.airglow is None else sky * p.scale,
            )
        )
    return tuple(out)


def stellar_template(solved: Solved, system: DataSpace, pixels: list[Pixels]) -> QTable:
    """Super-resolution star: rest frame, vacuum, unrotated and unblurred, grid uniform in ln(wavelength).

    `uncertainty` is the standard error of `normalised`, between orders that of the prior; `continuum` is that
    of the observation without the blaze, NaN between orders; `system` is the linearised model.
    """
    star = solved.model.star
    assert star is not None
    velocity = float(star.radial_velocity.detach())
    factor = float(doppler_factor(velocity))
    low, high = min(p.edges[0] for p in pixels) / factor, max(p.edges[-1] for p in pixels) / factor
    even = log_grid(float(low), float(high), step=_TEMPLATE_STEP)
    grid = sampling(even[even <= float(high)])
    with torch.no_grad():
        spectrum = torch.exp(-star.lines(grid, 0.0, torch.arange(len(star.lines)))).numpy()
    table = QTable()
    table["wavelength"] = grid.array * u.AA
    table["normalised"] = spectrum
    table["uncertainty"] = template_errors(solved, system, grid.array, spectrum)
    table["continuum"] = _continuum(solved, pixels, grid.array * factor)
    table.meta["comment"] = (
        "rest frame, vacuum, before rotation and line spread; continuum of the observation"
    )
    return table


def _continuum(solved: Solved, pixels: list[Pixels], observed: FloatArray) -> FloatArray:
    out = np.full(observed.size, np.nan)
    for p, order in zip(pixels, solved.model.orders, strict=True):
        inside = (observed >= p.wavelength[0]) & (observed <= p.wavelength[-1])
        x = 2 * (observed[inside] - p.wavelength[0]) / (p.wavelength[-1] - p.wavelength[0]) - 1
        coefficients = _coefficients(order)
        basis = legendre_basis(torch.from_numpy(np.clip(x, -1, 1)), coefficients.numel() - 1)
        out[inside] = (basis @ coefficients).numpy() * p.scale
    return out


def _coefficients(order: OrderModel) -> torch.Tensor:
    """Legendre coefficients of the continuum of one order, lowest first."""
    assert order.continuum is not None
    return order.continuum.coefficients.detach()


def _barycentric(velocity: float, metadata: Metadata) -> float | None:
    if metadata.frame == "barycentric":
        return velocity
    if metadata.frame == "observatory" and metadata.barycentric_velocity is not None:
        return float(compose_velocities(velocity, metadata.barycentric_velocity))
    return None


def _effective_resolving_power(resolving_power: float, pixels: list[Pixels]) -> float:
    """lambda/FWHM of a Gaussian with the variance of line spread and pixel together."""
    width = SPEED_OF_LIGHT * float(
        np.median(np.concatenate([np.diff(p.edges) / p.wavelength for p in pixels]))
    )
    sigma = float(np.hypot(velocity_sigma(resolving_power), width / np.sqrt(12)))
    return SPEED_OF_LIGHT / (sigma * float(np.sqrt(8 * np.log(2))))


def _globals(solved: Solved, settings: Settings, pixels: list[Pixels], metadata: Metadata) -> dict[str, Any]:
    """Every parameter that is not of a single line."""
    model = solved.model
    assert model.star is not None and model.line_spread is not None
    velocity = float(model.star.radial_velocity.detach())
    power = float(torch.exp(model.line_spread.log_resolving_power.detach()))
    relative = scalar_error(solved, "line_spread.log_resolving_power")
    effective = _effective_resolving_power(power, pixels)
    power_error = None if relative is None else power * relative
    effective_error = None if relative is None else effective**3 / power**2 * relative
    of_velocity = _remarks(solved, "star.radial_velocity")
    barycentric = _barycentric(velocity, metadata)
    out = {
        "radial_velocity": entry(velocity, "km/s", **of_velocity),
        "radial_velocity_barycentric": entry(
            barycentric, "km/s", **(of_velocity if barycentric is not None else {})
        ),
        "vsini": _speed(solved, "star.vsini_squared"),
        "resolving_power": entry(
            power, "", **_remarks(solved, "line_spread.log_resolving_power") | {"error": power_error}
        ),
        "resolving_power_effective": entry(effective, "", effective_error),
        "limb_darkening": _scalar(solved, "star.limb_darkening", ""),
    }
    if model.star.macroturbulence_squared is not None:
        out["macroturbulence"] = _speed(solved, "star.macroturbulence_squared")
    if model.atmosphere is not None:
        out["wind_velocity"] = _scalar(solved, "atmosphere.wind_velocity", "km/s")
    for name in ("h3", "h4"):
        if f"line_spread.{name}" in solved.objective.space.slices:
            out[f"line_spread_{name}"] = _scalar(solved, f"line_spread.{name}", "")
    return out | _scales(solved)


def _scalar(solved: Solved, key: str, unit: str) -> dict[str, Any]:
    """The scalar model parameter `key` with its error."""
    value = float(dict(solved.model.named_parameters())[key].detach())
    return entry(value, unit, **_remarks(solved, key))


def _speed(solved: Solved, key: str) -> dict[str, Any]:
    """A broadening whose square is the model parameter `key`: an upper limit where it is not seen.

    It is not seen below two of its errors.
    """
    squared = max(float(dict(solved.model.named_parameters())[key].detach()), 0.0)
    remarks = _remarks(solved, key)
    error = remarks.pop("error", None)
    if error is None:
        return entry(squared**0.5, "km/s", **remarks)
    if squared < error:
        return entry(squared**0.5, "km/s", **remarks, upper_limit_95=upper_limit(solved, key) ** 0.5)
    return entry(squared**0.5, "km/s", 0.5 * error / squared**0.5, **remarks)


def _scales(solved: Solved) -> dict[str, Any]:
    """The factors shared by all lines of the star, and of the atmosphere, of its molecules apart."""
    out = {}
    parts = (("stellar", "star", solved.model.star), ("telluric", "atmosphere", solved.model.atmosphere))
    for origin, prefix, part in parts:
        if part is None:
            continue
        for kind in ("strength", "sigma", "gamma"):
            names = [f"log_{kind}_scale"]
            if kind == "strength":
                names = [name for name, _ in part.lines.strength_scales()]
            for name in names:
                _, _, species = name.partition("species_scales.")
                short = f"{origin}_{kind}_scale" + (f"_{species}" if species else "")
                out[short] = _factor(solved, f"{prefix}.lines.{name}")
    return out


def _factor(solved: Solved, key: str) -> dict[str, Any]:
    """The factor whose logarithm is the model parameter `key`."""
    value = float(dict(solved.model.named_parameters())[key].detach().exp())
    remarks = _remarks(solved, key)
    if "error" in remarks:
        remarks["error"] *= value
    return entry(value, "", **remarks)


def _remarks(solved: Solved, key: str) -> dict[str, Any]:
    """Error of a model parameter and whether its prior dominates, or that it is held."""
    where = solved.objective.space.slices.get(key)
    if where is None:
        return {"fixed": True}
    shrunk = bool(np.sqrt(solved.variance_ratio[where.start]) > PRIOR_DOMINATED)
    names, matrix = _correlation(solved)
    others = (
        [abs(c) for n, c in zip(names, matrix[names.index(key)], strict=True) if n != key]
        if key in names
        else []
    )
    return {
        "error": scalar_error(solved, key),
        "prior_dominated": shrunk or any(c > _DEGENERATE for c in others),
    }


_CORRELATED = {
    "star.radial_velocity": "radial_velocity",
    "star.vsini_squared": "vsini",
    "star.macroturbulence_squared": "macroturbulence",
    "line_spread.log_resolving_power": "resolving_power",
    "star.lines.log_sigma_scale": "stellar_sigma_scale",
}


def _correlation(solved: Solved) -> tuple[list[str], FloatArray]:
    """Correlation of the global parameters that trade with each other, by their model names."""
    slices = solved.objective.space.slices
    names = [name for name in _CORRELATED if name in slices]
    at = np.searchsorted(solved.posterior.dense_index, [slices[name].start for name in names])
    covariance = solved.posterior.dense.inverse(at, at)
    deviation = np.sqrt(np.diag(covariance))
    return names, covariance / np.outer(deviation, deviation)


def fit_summary(
    solved: Solved,
    settings: Settings,
    pixels: list[Pixels],
    metadata: Metadata,
    heldout: FloatArray | None,
    *,
    warnings: list[str],
    notes: list[str],
) -> dict[str, Any]:
    """The content of `summary.json` but for times."""
    slices = order_slices(pixels)
    flux = torch.cat([p.flux for p in pixels]).numpy()
    sigma = torch.cat([p.sigma for p in pixels]).numpy()
    used = torch.cat([p.used for p in pixels]).numpy()
    with torch.no_grad():
        model = solved.model().numpy()
    n_pixels, n_effective = int(used.sum()), float((1 - solved.variance_ratio).sum())
    chi_square = float((((flux - model) / sigma)[used] ** 2).sum())
    names, matrix = _correlation(solved)
    freedom = n_pixels - n_effective
    counts = {
        "stellar": len(settings.star.lines),
        "telluric": len(settings.telluric.lines) if settings.telluric else 0,
    }
    return _globals(solved, settings, pixels, metadata) | {
        "continuum": _continuum_coefficients(solved, pixels, metadata.flux_unit),
        "correlation": {"names": [_CORRELATED[n] for n in names], "matrix": matrix.tolist()},
        "frame": metadata.frame,
        "target": metadata.target,
        "chi2_reduced": chi_square / freedom if freedom > 0 else None,
        "n_pixels": n_pixels,
        "n_masked": int((~used).sum()),
        "n_parameters": int(solved.variance_ratio.size),
        "n_effective": n_effective,
        "n_lines": counts,
        "residual_rms": weighted_rms(flux, model, sigma, used),
        "residual_rms_heldout": None if heldout is None else weighted_rms(flux, heldout, sigma, used),
        "orders": [
            {
                "row": p.row,
                "n_pixels": p.n_used,
                "n_effective": float(solved.effective[k]),
                "residual_rms": weighted_rms(flux[s], model[s], sigma[s], used[s]),
                "residual_rms_heldout": None
                if heldout is None
                else weighted_rms(flux[s], heldout[s], sigma[s], used[s]),
            }
            | of_order(solved, k)
            for k, (p, s) in enumerate(zip(pixels, slices, strict=True))
        ],
        "noise_inflation": [float(f) for f in solved.state.noise_inflation],
        "noise_inflation_state": "learned" if settings.regularisation.noise_inflation is None else "held",
        "line_priors": _line_priors(solved, settings),
        "log_evidence": log_evidence(solved.objective, solved.solution.z, solved.posterior.log_determinant),
        "converged": solved.solution.converged,
        "stop_reason": solved.solution.reason,
        "warnings": warnings,
        "notes": notes,
        "history": list(metadata.history),
        "versions": versions(),
        "inputs": _inputs(metadata, settings),
    }


def _line_priors(solved: Solved, settings: Settings) -> dict[str, Any]:
    """The prior of every class of lines that is fitted."""
    widths = {"stellar": solved.state.stellar_prior}
    first = {"stellar": settings.stellar_prior}
    if settings.telluric:
        widths["telluric"], first["telluric"] = solved.state.telluric_prior, settings.telluric_prior
    return describe(widths, first, settings.regularisation)


def _continuum_coefficients(solved: Solved, pixels: list[Pixels], flux_unit: str) -> dict[str, Any]:
    """Legendre coefficients of every order, lowest first, with their errors."""
    out = {}
    for number, (p, order) in enumerate(zip(pixels, solved.model.orders, strict=True)):
        errors = vector_errors(solved, f"orders.{number}.continuum.coefficients")
        out[str(p.row)] = {
            "value": (_coefficients(order).numpy() * p.scale).tolist(),
            "error": None if errors is None else (errors * p.scale).tolist(),
            "unit": flux_unit,
        }
    return out


def versions() -> dict[str, str]:
    """Versions of what computed the result."""
    return {"python": platform.python_version()} | {
        name: importlib.metadata.version(name) for name in _PACKAGES
    }


def _inputs(metadata: Metadata, settings: Settings) -> dict[str, Any]:
    inputs = {"spectrum": {"path": metadata.path, "sha256": metadata.sha256}}
    for role, clone in (("star", settings.star), ("telluric", settings.telluric)):
        if isinstance(clone, Clone):
            inputs[role] = {key: clone.summary.get(key) for key in ("template", "path", "sha256")}
    return inputs
