"""How the time of a gradient and of a step of the structured solver grows with the size of the job."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from blase.benchmark.case import Case
from blase.benchmark.exponent import fitted_exponent
from blase.benchmark.native import NativeMisfit, our_optical_depth
from blase.benchmark.timing import median_seconds
from blase.cloning.find_lines import TypicalWidths
from blase.cloning.template_model import template_objective, voigt_lines
from blase.containers.line_list import LineList
from blase.fit.jacobian import jacobian
from blase.fit.levenberg_marquardt import FIRST_DAMPING
from blase.fit.normal_equations import NormalEquations
from blase.templates.template import Template

SEED = 1
"""Of the choice of lines."""


def measure_scaling(case: Case) -> dict[str, Any]:
    """Times of ever more lines on all samples (`lines`), and of an ever wider range (`samples`)."""
    template, lines, settings = case.template(), case.lines(), case.settings
    series = {"lines": [], "samples": []}  # type: dict[str, list[dict[str, Any]]]
    for fraction in settings.fractions:
        series["lines"].append(_times(template, _some(lines, fraction), settings.repeats))
        series["samples"].append(_times(*_part(template, lines, fraction), settings.repeats))
    return {name: _with_exponents(points, f"n_{name}") for name, points in series.items()}


def _some(lines: LineList, fraction: float) -> LineList:
    """A random part of `lines`, spread over the whole range."""
    count = max(2, round(fraction * len(lines)))
    return lines.take(np.sort(np.random.default_rng(SEED).permutation(len(lines))[:count]))


def _part(template: Template, lines: LineList, fraction: float) -> tuple[Template, LineList]:
    """The middle of a template, and the lines in it."""
    low, high = float(template.wavelength[0]), float(template.wavelength[-1])
    middle, half = 0.5 * (low + high), 0.5 * fraction * (high - low)
    low, high = middle - half, middle + half
    return template.crop(low, high), lines.in_range(low, high)


def _times(template: Template, lines: LineList, repeats: int) -> dict[str, Any]:
    return {
        "n_lines": len(lines),
        "n_samples": len(template),
        "gradient_seconds": _gradient_seconds(template, lines, repeats),
        "step_seconds": _step_seconds(template, lines, repeats),
    }


def _gradient_seconds(template: Template, lines: LineList, repeats: int) -> float:
    tau = our_optical_depth(torch.from_numpy(template.wavelength))
    misfit = NativeMisfit(voigt_lines(lines), tau, torch.from_numpy(template.normalised))
    return median_seconds(misfit.gradient, repeats=repeats)


def _step_seconds(template: Template, lines: LineList, repeats: int) -> float:
    """Jacobian, its normal equations and their solution, for all parameters of `lines`."""
    widths = TypicalWidths(float(np.median(lines.sigma)), float(np.median(lines.gamma)))
    objective = template_objective(template, lines, widths, "stellar")
    _, slope = objective.value_and_gradient(objective.space.pack(objective.model))
    damping = np.full(objective.space.size, FIRST_DAMPING)

    def step() -> None:
        normal = NormalEquations(jacobian(objective.model, objective.data, objective.space))
        normal.solve(damping, slope.numpy())

    with threadpool_limits(1, user_api="blas"):  # as the solver does
        return median_seconds(step, repeats=repeats)


def _with_exponents(points: list[dict[str, Any]], size: str) -> dict[str, Any]:
    sizes = [point[size] for point in points]
    return {
        "points": points,
        "exponent": {
            job: fitted_exponent(sizes, [point[f"{job}_seconds"] for point in points])
            for job in ("gradient", "step")
        },
    }
