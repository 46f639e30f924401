"""Where the data show lines that the model lacks.

At every half pixel a line of the star is tried, as the instrument and the air let it be seen, with the widths
of its neighbours (`blase.fit.trial_lines`). Two things are asked of it:

- Evidence: its Bayes factor, averaged over one resolution element, as its place is not known, exceeds exp(3).
- Chance: with z = b / sqrt(q) the strength that the data alone would give it, in units of its error, noise
  makes `MAXIMA` N exp(-z^2 / 2) maxima as high in N resolution elements (Rice 1945, Bell Syst. Tech. J. 24,
  46). Of the highest maxima k are taken, with the largest k for which z^2 / 2 > 3 + ln(`MAXIMA` N / k): then
  about one in twenty of them is a chance finding (Benjamini & Hochberg 1995, J. R. Stat. Soc. B 57, 289). A
  single missing line must stand out by some four standard deviations, where many are missing each of them by
  less.

A line is never one pixel wide: without the pixel that tells most of it the factor must still exceed exp(3).
An outlier with another one beside it that also is too dark, which a missing strong line makes too, counts
with its full weight. Where the air takes much light a residual may be its own, and is left alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import binary_opening
from scipy.special import logsumexp

from blase.constants import SPEED_OF_LIGHT
from blase.containers.line_list import LineList
from blase.fit.data_space import DataSpace
from blase.fit.jacobian import Jacobian
from blase.fit.objective import Data
from blase.fit.trial_lines import Trial, likely_strength, log_bayes_factor, trial_lines
from blase.functional.doppler import doppler_factor
from blase.functional.voigt import voigt_profile
from blase.model.lines import VoigtLines
from blase.pipeline.attempt import order_slices
from blase.pipeline.build import Settings
from blase.pipeline.outliers import THRESHOLD
from blase.pipeline.prepare import Pixels
from blase.pipeline.solve import Solved

FloatArray = NDArray[np.float64]

LEAST_GAIN = 3.0
"""Of ln(evidence) by which a line must earn its place."""
MAXIMA = 0.5
"""Maxima of a matched filter in one resolution element of white noise, but for the factor exp(-z^2 / 2): 0.26
for a line spread that is Gaussian, more where the freedom of other lines narrows the filter."""
CLEAR_AIR = 0.9
"""Transmission of the air, as the instrument sees it, below which no line is added to the star."""
WEAK = 0.5
"""Optical depth at the centre below which a line is a weak one, as those are that a template lacks."""
_LEAST_INFORMATION = 1e-3
"""Of a line of typical strength, below which the data say nothing of one."""
_BESIDE, _LOWER = 3.0, 0.25
"""Nearer than so many resolution elements a maximum lower than this share of another waits for the next
round: it may be what its own neighbours have done to make up for a missing line."""
_PER_PIXEL = 2
DARK = 3
"""So many dark outliers side by side may be a line; fewer are bad pixels."""
_NEIGHBOURS = 20
"""Lines whose median widths a new one begins with."""


@dataclass(frozen=True)
class Missing:
    """Lines that the data show, (n,): `lines` with the scale of their prior as strength, the `strength` in
    units of that with which each begins, likely as long as nothing beside it has moved, and the ln(Bayes
    factor) of each. `enlargement` (n_pixels,) of the errors is
    that of the fit, but 1 where the absorption of a found line had been taken for outliers.
    """

    lines: LineList
    strength: FloatArray
    log_bayes_factor: FloatArray
    enlargement: FloatArray

    def none(self) -> Missing:
        """The same search with nothing found."""
        empty = np.zeros(0)
        return replace(self, lines=self.lines.take(slice(0, 0)), strength=empty, log_bayes_factor=empty)


def missing_lines(pixels: list[Pixels], settings: Settings, solved: Solved, derivative: Jacobian) -> Missing:
    """Lines of the star that `solved`, whose Jacobian is `derivative`, lacks, in order of wavelength."""
    objective, model = solved.objective, solved.model
    star = model.star
    assert star is not None
    enlarged, easy = solved.state.enlargement, _eased(pixels, solved)
    full = Data(
        objective.data.flux, objective.data.sigma * torch.from_numpy(easy / enlarged), objective.data.used
    )
    system = DataSpace(derivative.weighted(enlarged / easy))
    with torch.no_grad():
        residuals = objective.residuals(solved.solution.z).numpy() * enlarged / easy
    observed = _places(pixels, solved)
    rest = observed / float(doppler_factor(star.radial_velocity.detach()))
    lines = _trial(star.lines, ~settings.star.lines.is_added, rest)
    trial = trial_lines(model, full, system, residuals, lines)
    factor = log_bayes_factor(trial.b, trial.q)
    element = observed / settings.resolving_power
    averaged = _averaged(observed, factor, element)
    height = 0.5 * np.maximum(trial.b, 0.0) ** 2 / np.maximum(trial.q, _LEAST_INFORMATION)
    trials = MAXIMA * _elements(pixels, settings.resolving_power)
    chosen = _chosen(observed, np.where(averaged > LEAST_GAIN, height, 0.0), element, trials)
    rank = system.derivative.rank
    by_wavelength = np.empty_like(residuals)
    by_wavelength[rank] = residuals
    chosen = np.array([j for j in chosen if _is_wide(trial, int(j), by_wavelength)], dtype=np.int64)
    wavelength = np.concatenate([p.wavelength for p in pixels])
    near = [np.abs(wavelength - centre) < centre / settings.resolving_power for centre in observed[chosen]]
    return Missing(
        _line_list(lines, chosen),
        likely_strength(trial.b[chosen], trial.beside_held()[chosen]),
        averaged[chosen],
        np.where(np.any(near, axis=0) if near else False, easy, enlarged),
    )


def _eased(pixels: list[Pixels], solved: Solved) -> FloatArray:
    """Factors (n_pixels,) of the errors without those of outliers that stand in the absorption of a line."""
    enlarged = solved.state.enlargement
    with torch.no_grad():
        deviation = solved.objective.residuals(solved.solution.z).numpy() * enlarged
    easy = enlarged.copy()
    for order in order_slices(pixels):
        dark = deviation[order] < -THRESHOLD / 2
        easy[order][_in_runs(dark)] = 1.0
    return easy


def _in_runs(dark: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which of the `dark` pixels (n,) stand among `DARK` or more side by side."""
    kept = binary_opening(dark, np.ones(DARK, dtype=bool))
    return np.asarray(kept)


def _places(pixels: list[Pixels], solved: Solved) -> FloatArray:
    """Observed wavelengths at which lines are tried: at every used pixel and between, where the air is
    clear.
    """
    found = []
    with torch.no_grad():
        lights = solved.model.light()
    for order, light in zip(pixels, lights, strict=True):
        open_air = order.used.numpy() & (light.telluric.numpy() > CLEAR_AIR)
        step = np.diff(order.bounds, axis=1).ravel()[open_air] / _PER_PIXEL
        found += [order.wavelength[open_air] + (k - 0.5 * (_PER_PIXEL - 1)) * step for k in range(_PER_PIXEL)]
    return np.sort(np.concatenate(found))


def _trial(lines: VoigtLines, cloned: NDArray[np.bool_], centre: FloatArray) -> VoigtLines:
    """Lines at the rest wavelengths `centre` (n,) [Angstrom] like the `cloned` ones (n_lines,) around
    them.
    """
    strength, sigma, gamma = (
        torch.exp(p.detach()).numpy()[cloned] for p in (lines.log_strength, lines.log_sigma, lines.log_gamma)
    )
    sorted_centre = lines.centre.numpy()[cloned]
    begin = np.searchsorted(sorted_centre, centre) - _NEIGHBOURS // 2
    begin = np.clip(begin, 0, max(sorted_centre.size - _NEIGHBOURS, 0))
    near = begin[:, None] + np.arange(min(_NEIGHBOURS, sorted_centre.size))
    width, damping = np.median(sigma[near], axis=1), np.median(gamma[near], axis=1)
    depth = typical_depth(strength * _peak(sorted_centre, sigma, gamma))
    made = VoigtLines(
        centre=torch.from_numpy(centre),
        strength=torch.from_numpy(depth / _peak(centre, width, damping)),
        sigma=torch.from_numpy(width),
        gamma=torch.from_numpy(damping),
    )
    with torch.no_grad():
        for name in ("log_strength_scale", "log_sigma_scale", "log_gamma_scale"):
            getattr(made, name).copy_(getattr(lines, name))
    return made


def _peak(centre: FloatArray, sigma: FloatArray, gamma: FloatArray) -> FloatArray:
    """Voigt profile (n,) [1/Angstrom] at the centre [Angstrom] of lines; widths in km/s."""
    scale = torch.from_numpy(centre / SPEED_OF_LIGHT)
    widths = torch.from_numpy(sigma) * scale, torch.from_numpy(gamma) * scale
    return voigt_profile(torch.zeros_like(scale), sigma=widths[0], gamma=widths[1]).numpy()


def typical_depth(depth: FloatArray) -> float:
    """Root mean square of those central optical depths (n,) that are below `WEAK`.

    It is the most likely width of a half-normal distribution from which they were drawn. Where all lines are
    strong, `WEAK`.
    """
    weak = depth[depth < WEAK]
    return float(np.sqrt(np.mean(weak**2))) if weak.size else WEAK


def _averaged(observed: FloatArray, factor: FloatArray, element: FloatArray) -> FloatArray:
    """ln of the mean Bayes factor (n,) within half a resolution `element` of every place."""
    begin = np.searchsorted(observed, observed - 0.5 * element)
    end = np.searchsorted(observed, observed + 0.5 * element, side="right")
    return np.array([logsumexp(factor[i:j]) - np.log(j - i) for i, j in zip(begin, end, strict=True)])


def _elements(pixels: list[Pixels], resolving_power: float) -> float:
    """Number of resolution elements that the used pixels fill."""
    parts = (np.diff(p.bounds, axis=1).ravel() / p.wavelength for p in pixels)
    filled = sum(float(part[p.used.numpy()].sum()) for part, p in zip(parts, pixels, strict=True))
    return max(filled * resolving_power, 1.0)


def _chosen(
    observed: FloatArray, height: FloatArray, element: FloatArray, trials: float
) -> NDArray[np.int64]:
    """The places that show a line, sorted: the highest of every resolution element, as many as chance
    lets.
    """
    alone: list[int] = []
    for j in np.argsort(height)[::-1]:
        if height[j] <= LEAST_GAIN:
            break
        apart = np.abs(observed[j] - observed[alone]) / element[j]
        if np.all((apart > _BESIDE) | ((apart > 1) & (height[j] > _LOWER * height[alone]))):
            alone.append(int(j))
    passed = [k for k, j in enumerate(alone, 1) if height[j] > LEAST_GAIN + np.log(trials / k)]
    return np.sort(np.array(alone[: passed[-1]] if passed else [], dtype=np.int64))


def _is_wide(trial: Trial, j: int, residuals: FloatArray) -> bool:
    """Whether trial line `j` would still be seen without the pixel that tells most of it."""
    pixel, column = trial.column(j)
    told = column * residuals[pixel]
    most = int(np.argmax(told))
    b, q = trial.b[j] - told[most], max(trial.q[j] - column[most] ** 2, 0.0)
    return bool(log_bayes_factor(np.array(b), np.array(q)) > LEAST_GAIN)


def _line_list(lines: VoigtLines, chosen: NDArray[np.int64]) -> LineList:
    """The trial lines `chosen` (k,) as a list, before the scales that all lines share."""
    with torch.no_grad():
        strength, sigma, gamma = (
            torch.exp(p).numpy()[chosen] for p in (lines.log_strength, lines.log_sigma, lines.log_gamma)
        )
    added = np.ones(chosen.size, dtype=bool)
    return LineList(lines.centre.numpy()[chosen], strength, sigma, gamma, added=added)
