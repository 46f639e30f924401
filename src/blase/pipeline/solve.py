"""Solve one fit: the structured path, repeated until the errors match what the model leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from blase.fit.data_space import Posterior
from blase.fit.descent import Solution
from blase.fit.jacobian import jacobian
from blase.fit.levenberg_marquardt import minimise_structured
from blase.fit.line_columns import LINE_PARAMETERS
from blase.fit.normal_equations import NormalEquations
from blase.fit.objective import Objective
from blase.fit.priors import LinePriorWidths
from blase.fit.stretches import Stretches
from blase.functional.doppler import doppler_factor
from blase.model.forward import SpectrumModel
from blase.pipeline.build import Settings, build_objective, reconsider_reach
from blase.pipeline.prepare import Pixels

FloatArray = NDArray[np.float64]
Progress = Callable[[dict[str, Any]], None]

TOLERANCE = 0.1
"""A fit ends when a step gains less than this in ln(posterior) an order; 0.5 is one standard deviation of one
parameter."""
LARGEST_CHANGE = 4.0
"""Prior widths stay within this factor of where they began."""
WIDEST_TELLURIC_CENTRE = 0.05
"""Of the prior of telluric centres [km/s]: their catalogue is better than what a blend may suggest."""
HYPERPRIOR_LINES = 2.0
"""Weight of the first guess of a prior width, in lines: it decides where the data determine fewer."""
APPROACH = 4.0
"""Factor by which enlarged errors shrink from one step to the next on the way from the clone."""
_APPROACH_ITERATIONS, _APPROACH_TOLERANCE = 6, 3.0
_PASSES = 20
_PASS_ITERATIONS, _PASS_TOLERANCE = 5, 0.3
"""A pass need not converge while noise and prior widths are still on their way; the last one must."""
_SETTLED = 0.1
"""Relative change of noise inflation and prior widths below which they have settled."""


@dataclass(frozen=True)
class Start:
    """Where a pass of the fit starts: whitened vector (None: at the clone), noise inflation per order, prior
    widths.
    """

    z: torch.Tensor | None
    noise_inflation: FloatArray
    stellar_prior: LinePriorWidths
    telluric_prior: LinePriorWidths

    def settled(self, before: Start) -> bool:
        """Whether noise and widths agree with those `before`."""
        now = np.concatenate([self.noise_inflation, self.stellar_prior.array(), self.telluric_prior.array()])
        then = np.concatenate(
            [before.noise_inflation, before.stellar_prior.array(), before.telluric_prior.array()]
        )
        change = np.abs(np.log(np.where(then > 0, now, 1.0) / np.where(then > 0, then, 1.0)))
        return bool(change.max() < _SETTLED)


@dataclass(frozen=True)
class Solved:
    """A fit that has ended.

    `state` holds the noise inflation and the prior widths it ended with; `effective` (n_orders,) the
    effective number of parameters of every order; `posterior` the second moments of z (whitened); `widest`
    names the classes of lines whose prior width ended at its largest value.
    """

    objective: Objective[SpectrumModel]
    solution: Solution
    state: Start
    effective: FloatArray
    posterior: Posterior
    history: list[dict[str, Any]]
    widest: tuple[str, ...]

    @property
    def variance_ratio(self) -> FloatArray:
        """Posterior over prior variance (size,) of every entry of z."""
        return self.posterior.variance

    @property
    def model(self) -> SpectrumModel:
        """The model at the solution."""
        return self.objective.model


def order_slices(pixels: list[Pixels]) -> list[slice]:
    """Where every order lies in the concatenated pixels."""
    ends = np.cumsum([p.flux.numel() for p in pixels])
    return [slice(int(end) - p.flux.numel(), int(end)) for p, end in zip(pixels, ends, strict=True)]


def _analyse(objective: Objective[SpectrumModel]) -> tuple[Posterior, FloatArray]:
    """Posterior where the model stands, and the effective number of parameters of every order.

    Each parameter counts where the data that determine it lie.
    """
    derivative = jacobian(objective.model, objective.data, objective.space)
    posterior = NormalEquations(derivative).posterior
    power = derivative.power()
    total = power.sum(axis=0)
    return posterior, (power / np.where(total > 0, total, 1.0)) @ (1 - posterior.variance)


def _chi_square(objective: Objective[SpectrumModel], solution: Solution, slices: list[slice]) -> FloatArray:
    with torch.no_grad():
        squares = objective.residuals(solution.z).numpy() ** 2
    return np.array([squares[where].sum() for where in slices])


def _stretches(objective: Objective[SpectrumModel], pixels: list[Pixels]) -> Stretches:
    """Stretches of neighbouring lines, star and atmosphere together, by observed wavelength."""
    model, space = objective.model, objective.space
    wavelength = np.full(space.size, np.nan)
    parts = {}
    if model.star is not None:
        parts["star"] = (model.star.lines, model.star.radial_velocity)
    if model.atmosphere is not None:
        parts["atmosphere"] = (model.atmosphere.lines, model.atmosphere.wind_velocity)
    for name, where in space.slices.items():
        if name.rsplit(".", 1)[1] in LINE_PARAMETERS:
            lines, velocity = parts[name.split(".", 1)[0]]
            wavelength[where] = (lines.centre * doppler_factor(velocity.detach())).numpy()
    return Stretches.by_wavelength(np.concatenate([p.wavelength for p in pixels]), wavelength)


def _once(
    pixels: list[Pixels],
    settings: Settings,
    state: Start,
    stage: str,
    history: list[dict[str, Any]],
    progress: Progress | None,
    max_iterations: int,
    tolerance: float,
) -> tuple[Objective[SpectrumModel], Solution]:
    objective = build_objective(pixels, settings, state.noise_inflation)
    z = objective.space.pack(objective.model) if state.z is None else state.z
    objective.space.store(objective.model, z)
    reconsider_reach(objective.model)

    def tell(iteration: int, value: float) -> None:
        entry = {"stage": stage, "iteration": iteration, "objective": value, "residual_rms": None}
        history.append(entry)
        if progress is not None:
            message = f"{objective.space.size} parameters, objective {value:.5g}"
            progress({**entry, "total": max_iterations, "message": message})

    return objective, minimise_structured(
        objective,
        z,
        stretches=_stretches(objective, pixels),
        max_iterations=max_iterations,
        tolerance=tolerance,
        progress=tell,
    )


def _misfit(pixels: list[Pixels], settings: Settings, inflation: FloatArray) -> FloatArray:
    """Root mean square residual of every order at the start, in units of its errors; at least 1."""
    objective = build_objective(pixels, settings, inflation)
    with torch.no_grad():
        squares = objective.residuals(objective.space.pack(objective.model)).numpy() ** 2
    means = [squares[s].sum() / p.n_used for s, p in zip(order_slices(pixels), pixels, strict=True)]
    return np.maximum(np.sqrt(means), 1.0)


def _approach(
    pixels: list[Pixels],
    settings: Settings,
    state: Start,
    stage: str,
    history: list[dict[str, Any]],
    progress: Progress | None,
) -> Start:
    """Lead the fit from the clone into the right valley: errors begin as large as the misfit, then shrink.

    While they are large the priors hold every line near theory, and what is wrong with all of them is mended
    first; a blend fitted at its full weight at once is easily trapped (graduated optimisation, Blake &
    Zisserman 1987).
    """
    factor = _misfit(pixels, settings, state.noise_inflation)
    while factor.max() > 1.5:
        enlarged = replace(state, noise_inflation=state.noise_inflation * factor)
        _, solution = _once(
            pixels,
            settings,
            enlarged,
            f"{stage}, approach",
            history,
            progress,
            _APPROACH_ITERATIONS,
            _APPROACH_TOLERANCE * len(pixels),
        )
        state, factor = replace(state, z=solution.z), np.maximum(factor / APPROACH, 1.0)
    return state


def solve(
    pixels: list[Pixels],
    settings: Settings,
    *,
    start: Start | None = None,
    fixed: bool = False,
    max_iterations: int = 60,
    stage: str = "fit",
    progress: Progress | None = None,
    checkpoint: Callable[[Start], None] | None = None,
) -> Solved:
    """Fit all orders together.

    Unless `fixed`, the errors of every order and the prior widths of every class of lines are re-estimated
    after each pass until they settle: the errors so that chi-square equals the pixels less the effective
    parameters (MacKay 1992, Neural Comput. 4, 415, eq. 4.9), never below the stated ones; the widths by the
    fixed point of the same evidence (ibid., eq. 4.8), with a weak hyperprior at the first guess.
    """
    slices = order_slices(pixels)
    history: list[dict[str, Any]] = []
    counts = np.array([p.n_used for p in pixels], dtype=float)
    state = start or Start(None, np.ones(len(pixels)), settings.stellar_prior, settings.telluric_prior)
    if state.z is None:
        current = replace(settings, stellar_prior=state.stellar_prior, telluric_prior=state.telluric_prior)
        state = _approach(pixels, current, state, stage, history, progress)
    settled = fixed
    for number in range(1, _PASSES + 1):
        last = settled or number == _PASSES
        name = stage if fixed else f"{stage}, pass {number}"
        iterations = max_iterations if last else min(max_iterations, _PASS_ITERATIONS)
        tolerance = TOLERANCE if last else _PASS_TOLERANCE
        current = replace(settings, stellar_prior=state.stellar_prior, telluric_prior=state.telluric_prior)
        objective, solution = _once(
            pixels, current, state, name, history, progress, iterations, tolerance * len(pixels)
        )
        posterior, effective = _analyse(objective)
        ratio = posterior.variance
        if last:
            break
        wanted = _inflated(objective, solution, slices, state.noise_inflation, counts - effective)
        stellar = _learned(objective, solution, ratio, "star", state.stellar_prior, settings.stellar_prior)
        telluric = _learned(
            objective, solution, ratio, "atmosphere", state.telluric_prior, settings.telluric_prior
        )
        found = Start(None, wanted, stellar, telluric)
        if checkpoint is not None:
            checkpoint(replace(state, z=solution.z))
        settled = found.settled(state)
        current = replace(current, stellar_prior=stellar, telluric_prior=telluric)
        state = replace(found, z=_whitened_anew(objective, solution, pixels, current))
    if not settled:
        solution = replace(
            solution,
            converged=False,
            reason=f"noise and prior widths had not settled after {_PASSES} passes",
        )
    return Solved(objective, solution, state, effective, posterior, history, _at_bound(state, settings))


def _inflated(
    objective: Objective[SpectrumModel],
    solution: Solution,
    slices: list[slice],
    inflation: FloatArray,
    free: FloatArray,
) -> FloatArray:
    """Noise inflation at which chi-square would equal its degrees of freedom `free` (n_orders,)."""
    return np.maximum(
        inflation * np.sqrt(_chi_square(objective, solution, slices) / np.maximum(free, 1.0)), 1.0
    )


def _learned(
    objective: Objective[SpectrumModel],
    solution: Solution,
    ratio: FloatArray,
    prefix: str,
    widths: LinePriorWidths,
    first: LinePriorWidths,
) -> LinePriorWidths:
    """Prior widths of every free class of lines after one step towards the largest evidence.

    width^2 <- (sum of squared departures + k first^2) / (n_effective + k), k = `HYPERPRIOR_LINES`: a scaled
    inverse chi-square hyperprior.
    """
    z, found = solution.z.numpy(), {}
    for kind in LINE_PARAMETERS:
        where = objective.space.slices.get(f"{prefix}.lines.{kind}")
        if where is not None and where.stop > where.start:
            start, k = getattr(first, kind), HYPERPRIOR_LINES
            departures, effective = (getattr(widths, kind) * z[where]) ** 2, 1 - ratio[where]
            width = np.sqrt((departures.sum() + k * start**2) / (effective.sum() + k))
            found[kind] = float(np.clip(width, start / LARGEST_CHANGE, _widest(prefix, kind, start)))
    return replace(widths, **found)


def _widest(prefix: str, kind: str, first: float) -> float:
    """Largest prior width of a class of lines that began at `first`."""
    highest = LARGEST_CHANGE * first
    if (prefix, kind) == ("atmosphere", "centre_shift"):
        return min(highest, max(first, WIDEST_TELLURIC_CENTRE))
    return highest


def _at_bound(state: Start, settings: Settings) -> tuple[str, ...]:
    """Names of the classes of lines whose prior width ended at its largest value."""
    found = []
    for origin, prefix in (("stellar", "star"), ("telluric", "atmosphere")):
        for kind in LINE_PARAMETERS:
            first = getattr(getattr(settings, f"{origin}_prior"), kind)
            now = getattr(getattr(state, f"{origin}_prior"), kind)
            if first > 0 and now >= _widest(prefix, kind, first):
                found.append(f"{origin} {kind.removeprefix('log_').replace('_shift', '')}")
    return tuple(found)


def _whitened_anew(
    objective: Objective[SpectrumModel], solution: Solution, pixels: list[Pixels], settings: Settings
) -> torch.Tensor:
    """The solution as a whitened vector under the priors of `settings`."""
    values = objective.space.unpack(solution.z)
    space = build_objective(pixels, settings, np.ones(len(pixels))).space
    return torch.cat([((values[n] - p.mean) / p.width).reshape(-1) for n, p in space.priors.items()])
