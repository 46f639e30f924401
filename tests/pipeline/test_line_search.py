"""Lines that a template lacks are found, those that a star lacks are dropped, and noise does neither; lines
that cannot be told apart are reported as blends.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.special import voigt_profile
from scipy.stats import halfnorm

from blase.cloning import Clone, clone_template
from blase.constants import SPEED_OF_LIGHT
from blase.containers import EchelleSpectrum
from blase.containers.line_list import LineList
from blase.fit.data_space import DataSpace
from blase.fit.evidence import log_evidence
from blase.fit.jacobian import jacobian
from blase.fit.line_presence import line_presence
from blase.fit.trial_lines import likely_strength, log_bayes_factor, trial_lines
from blase.model.lines import VoigtLines
from blase.pipeline import fit_spectrum
from blase.pipeline.attempt import objective_at
from blase.pipeline.blends import joint_equivalent_width
from blase.pipeline.build import Settings, within_reach
from blase.pipeline.missing_lines import missing_lines
from blase.pipeline.options import freedom
from blase.pipeline.prepare import Pixels, to_pixels
from blase.pipeline.revision import Revision, revised
from blase.pipeline.solve import Solved, solve
from blase.simulation import Simulation, simulate_observation
from blase.simulation.scatter import EXACT
from blase.templates.template import LineTemplate

SPAN = (8640.0, 8656.0)
VELOCITY = 20.0
NEAR = 0.01
"""Distance [Angstrom] of the two lines of a pair, a fifteenth of a resolution element."""
FIXED = {"resolving_power": None, "vsini": None}


def comb(without: tuple[int, ...] = (), extra: tuple[tuple[float, float], ...] = ()) -> LineList:
    """A line every 0.7 Angstrom, weak ones and stronger ones; `extra` are centres and strengths."""
    centre = np.arange(8630.0, 8670.0, 0.7)
    strength = 0.02 * (1 + (np.arange(centre.size) % 4)) ** 1.3
    kept = np.delete(np.arange(centre.size), list(without))
    more = np.array(extra).reshape(-1, 2)
    centre, strength = np.append(centre[kept], more[:, 0]), np.append(strength[kept], more[:, 1])
    return LineList(centre, strength, np.full(centre.size, 1.6), np.full(centre.size, 0.2))


def observe(lines: LineList, seed: int = 1, signal_to_noise: float = 200.0) -> Simulation:
    return simulate_observation(
        lines,
        seed=seed,
        wavelength_range=SPAN,
        n_pixels=320,
        radial_velocity=VELOCITY,
        vsini=2.0,
        resolving_power=55_000.0,
        signal_to_noise=signal_to_noise,
        line_scatter=EXACT,
    )


def clone_of(lines: LineList) -> Clone:
    return clone_template(LineTemplate("comb", lines))


def prepared(spectrum: EchelleSpectrum, star: Clone) -> tuple[list[Pixels], Settings]:
    pixels = [to_pixels(order) for order in spectrum.orders]
    settings = Settings(
        star=star,
        telluric=None,
        radial_velocity=VELOCITY,
        vsini=2.0,
        wind_velocity=0.0,
        resolving_power=55_000.0,
        resolving_power_error=0.0,
        limb_darkening=0.6,
        continuum_degree=3,
        freedom=freedom(FIXED, None),
    )
    return pixels, within_reach(settings, pixels)


@pytest.fixture(scope="module")
def lacking() -> tuple[list[Pixels], Settings, Solved]:
    """A fit, noise and widths settled, whose template lacks the lines 27 and 33."""
    pixels, settings = prepared(observe(comb()).spectrum, clone_of(comb(without=(27, 33))))
    return pixels, settings, solve(pixels, settings)


def test_bayes_factor_by_quadrature() -> None:
    for b, q in ((0.0, 1e-3), (3.0, 4.0), (-2.0, 9.0), (40.0, 100.0)):
        found = quad(lambda a, b=b, q=q: np.exp(a * b - a * a * q / 2) * halfnorm.pdf(a), 0, 12, epsabs=0)[0]
        assert float(log_bayes_factor(np.array(b), np.array(q))) == pytest.approx(np.log(found), abs=1e-7)
        a = float(likely_strength(np.array(b), np.array(q)))
        assert b - q * a - a + 1 / a == pytest.approx(0.0, abs=1e-9)  # the mode in ln a


def test_information_of_trial_lines_is_that_of_the_dense_matrices(
    lacking: tuple[list[Pixels], Settings, Solved],
) -> None:
    """Their columns by finite differences, the freedom of everything else by dense linear algebra."""
    pixels, settings, solved = lacking
    objective, star = solved.objective, solved.model.star
    assert star is not None
    centre = np.array([8648.9, 8650.11, 8653.1])
    made = VoigtLines(
        centre=torch.from_numpy(centre),
        strength=torch.full((3,), 0.03, dtype=torch.float64),
        sigma=torch.full((3,), 1.6, dtype=torch.float64),
        gamma=torch.full((3,), 0.2, dtype=torch.float64),
    )
    with torch.no_grad():
        for kind in ("strength", "sigma", "gamma"):
            getattr(made, f"log_{kind}_scale").copy_(getattr(star.lines, f"log_{kind}_scale"))
        residuals = objective.residuals(solved.solution.z).numpy()
    derivative = jacobian(objective.model, objective.data, solved.normal_space)
    trial = trial_lines(objective.model, objective.data, DataSpace(derivative), residuals, made)
    dense = derivative.to_dense()
    inverse = np.linalg.inv(np.eye(len(dense)) + dense @ dense.T)
    used, sigma = objective.data.used.numpy(), objective.data.sigma.numpy()
    tiny, keep = 1e-4, np.ones(len(settings.star.lines), dtype=bool)
    state = replace(solved.state, z=solved.solution.z)
    for j, place in enumerate(centre):
        new = LineList([place], [0.03 * tiny], [1.6], [0.2], added=np.ones(1, dtype=bool))
        more, start = revised(settings, state, objective.space, keep=keep, new=new, strength=np.ones(1))
        other = objective_at(pixels, more, state)
        with torch.no_grad():
            assert start.z is not None
            change = (other.predict(start.z) - objective.predict(solved.solution.z)).numpy() / tiny
        g = np.where(used, change / np.where(used, sigma, 1.0), 0.0)
        assert trial.q[j] == pytest.approx(g @ inverse @ g, rel=0.02)  # far wings are cut off
        assert trial.b[j] == pytest.approx(g @ residuals, rel=0.02, abs=0.02)


def presence_of(solved: Solved, settings: Settings):
    arguments = (solved.objective, solved.solution.z, solved.normal_space, solved.posterior)
    return line_presence(*arguments, prefix="star", count=len(settings.star.lines))


def evidence_of(solved: Solved) -> float:
    return log_evidence(solved.objective, solved.solution.z, solved.posterior.log_determinant)


@pytest.mark.parametrize("signal_to_noise", [60.0, 200.0])
def test_gain_by_a_line_is_the_difference_of_two_full_fits(signal_to_noise: float) -> None:
    """Lines taken out of the model one by one: an added weak one, one that the star lacks, and a common one.

    The linearised fit lets the neighbours do what a strong line did, which they cannot: its gain is too
    small.
    """
    truth = comb(without=(28,), extra=((8649.24, 0.006),))  # one and a half and five standard deviations
    template = comb()
    pixels, settings = prepared(observe(truth, signal_to_noise=signal_to_noise).spectrum, clone_of(template))
    new = LineList([8649.24], [0.02], [1.6], [0.2], added=np.ones(1, dtype=bool))
    settings = Revision(np.ones(len(settings.star.lines), dtype=bool), new).applied(settings)
    first = solve(pixels, settings, fixed=True)
    full = solve(pixels, settings, start=replace(first.state, z=first.solution.z), fixed=True)
    found, lines = presence_of(full, settings), settings.star.lines
    places = [int(np.argmin(np.abs(lines.centre - c))) for c in (8649.24, template.centre[28], 8651.7)]
    for place in places:
        keep = np.arange(len(lines)) != place
        state = replace(full.state, z=full.solution.z)
        fewer, start = revised(
            settings,
            state,
            full.objective.space,
            keep=keep,
            new=lines.take(slice(0, 0)),
            strength=np.zeros(0),
        )
        less = solve(pixels, fewer, start=start, fixed=True)
        gain = evidence_of(full) - evidence_of(less)
        if gain < 3:
            assert found.gain[place] == pytest.approx(gain, abs=0.3, rel=0.1)
        else:
            assert 3 < found.gain[place] < 1.1 * gain
    assert found.significance[places[1]] < 3 < found.significance[places[2]]


def fit(spectrum: EchelleSpectrum, star: Clone, **more):
    options = {"folds": 0, "curve": False, "rv_guess": VELOCITY, "fix": FIXED} | more
    return fit_spectrum(spectrum, star=star, resolving_power=55_000.0, **options)


def test_missing_lines_are_found_and_superfluous_ones_dropped() -> None:
    """Two lines that the template lacks, weak and strong, and one that the star lacks."""
    truth = comb(without=(25,))
    star = clone_of(comb(without=(28, 34)))
    spectrum = observe(truth).spectrum
    before = fit(spectrum, star, new_lines=False, folds=3)
    after = fit(spectrum, star, folds=3, curve=True)
    table, counts = after.lines, after.summary["n_lines"]
    assert (counts["added"], counts["dropped"]) == (2, 1)
    assert before.summary["n_lines"]["added"] == before.summary["n_lines"]["dropped"] == 0
    assert before.summary["line_search"] is None and after.summary["line_search"][0]["accepted"]
    added = table[table["status"] == "added"]
    for row, k in zip(added, (28, 34), strict=True):
        centre, strength = comb().centre[k], comb().strength[k]
        assert abs(row["centre"].value - centre) < 4 * row["centre_error"].value
        assert (
            abs(np.log(row["strength"].value / strength))
            < 4 * (row["strength_error"] / row["strength"]).value
        )
        assert row["equivalent_width_error"].value < 0.2 * row["equivalent_width"].value
        assert np.isnan(row["centre_cloned"].value) and np.isnan(row["strength_cloned"].value)
        assert row["origin"] == "stellar" and row["line_id"].startswith("N")
    [gone] = table[table["status"] == "dropped"]
    assert gone["centre"].value == pytest.approx(comb().centre[25], abs=1e-6)
    assert gone["strength"].value == gone["equivalent_width"].value == 0.0
    assert gone["strength_cloned"].value > 0
    assert after.summary["residual_rms"] < before.summary["residual_rms"]
    points = after.summary["regularisation_curve"]["points"]
    [chosen] = [point for point in points if point["factor"] == 1.0]
    assert chosen["residual_rms"] == pytest.approx(after.summary["residual_rms"], rel=1e-6)
    assert all(np.isfinite(point["log_evidence"]) for point in points)
    assert after.summary["residual_rms_heldout"] < 1.02 * before.summary["residual_rms_heldout"]
    rest = after.template["wavelength"].value
    place = int(np.argmin(np.abs(rest - comb().centre[25])))
    assert after.template["normalised"][place] > 0.97  # the dropped line is not in the template


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_added_where_the_template_is_complete(seed: int) -> None:
    result = fit(observe(comb(), seed=seed).spectrum, clone_of(comb()))
    assert result.summary["n_lines"]["added"] == 0


@pytest.mark.parametrize(("depth", "wide"), [(0.02, 1), (0.3, 1), (0.3, 2), (0.95, 2)])
def test_dark_pixels_are_no_line(depth: float, wide: int) -> None:
    spectrum = observe(comb()).spectrum
    [order] = spectrum.orders
    flux = order.flux.copy()
    flux[150 : 150 + wide] *= 1 - depth
    result = fit(replace(spectrum, orders=(replace(order, flux=flux),)), clone_of(comb()))
    assert result.summary["n_lines"]["added"] == 0


def test_masked_pixels_make_no_line_and_hide_one() -> None:
    spectrum = observe(comb()).spectrum
    [order] = spectrum.orders
    centre = comb().centre[28] * (1 + VELOCITY / SPEED_OF_LIGHT)
    mask = order.mask | (np.abs(order.wavelength - centre) < 0.3)
    result = fit(replace(spectrum, orders=(replace(order, mask=mask),)), clone_of(comb(without=(28,))))
    assert result.summary["n_lines"]["added"] == 0


def test_held_strengths_are_left_alone() -> None:
    star = clone_of(comb(without=(28,)))
    result = fit(observe(comb()).spectrum, star, fix=FIXED | {"stellar_lines": None})
    assert result.summary["n_lines"]["added"] == 0 and result.summary["line_search"] == []


def test_search_goes_on_from_a_checkpoint(tmp_path: Path) -> None:
    """Interrupted after lines were added, a fit that is resumed ends like one that was not."""
    spectrum, star = observe(comb(without=(25,))).spectrum, clone_of(comb(without=(28, 34)))
    whole = fit(spectrum, star)
    path = tmp_path / "fit.checkpoint"

    def interrupt(event) -> None:
        if event["stage"].startswith("lines, round 1, pass 2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(spectrum, star, checkpoint=path, progress=interrupt)
    resumed = fit(spectrum, star, checkpoint=path, resume=True)
    assert resumed.summary["n_lines"] == whole.summary["n_lines"]
    name = "equivalent_width"
    pairs = (r.lines[r.lines["status"] == "added"] for r in (whole, resumed))
    first, second = (p[name].value for p in pairs)
    np.testing.assert_allclose(first, second, rtol=0.02)


def test_search_finds_places_and_strengths(lacking: tuple[list[Pixels], Settings, Solved]) -> None:
    pixels, settings, solved = lacking
    derivative = jacobian(solved.model, solved.objective.data, solved.normal_space)
    found = missing_lines(pixels, settings, solved, derivative)
    np.testing.assert_allclose(found.lines.centre, comb().centre[[27, 33]], atol=0.06)
    assert found.lines.is_added.all() and (found.log_bayes_factor > 3).all()
    ratio = found.strength * found.lines.strength / comb().strength[[27, 33]]
    assert np.all(np.abs(np.log(ratio)) < 0.5)


def test_joint_equivalent_width_by_quadrature() -> None:
    lines = np.array([[8650.0, 8650.03, 8650.4], [0.05, 0.03, 0.2], [0.04, 0.05, 0.04], [0.006, 0.01, 0.02]])

    def absorbed(x: float) -> float:
        return float(-np.expm1(-(lines[1] * voigt_profile(x - lines[0], lines[2], lines[3])).sum()))

    wanted = quad(absorbed, 8630.0, 8670.0, points=[8650.0, 8650.4], epsabs=1e-12, limit=2000)[0]
    assert joint_equivalent_width(lines) == pytest.approx(wanted, rel=2e-3)
    assert joint_equivalent_width(lines[:, :2]) < 0.08


def test_an_unresolvable_pair_is_a_blend_whose_width_is_known() -> None:
    k = 27
    whole = comb()
    half = 0.5 * whole.strength[k]
    pair = comb(without=(k,), extra=((whole.centre[k], half), (whole.centre[k] + NEAR, half)))
    result = fit(observe(pair).spectrum, clone_of(pair))
    table, [blend] = result.lines, result.summary["blends"]
    members = table[table["blend"] == 1]
    assert list(members["line_id"]) == blend["lines"] and len(members) == 2
    assert np.count_nonzero(table["blend"]) == 2
    np.testing.assert_allclose(members["centre"].value, whole.centre[k] + NEAR / 2, atol=0.03)
    width, error = (blend["equivalent_width"][name] for name in ("value", "error"))
    scale = whole.centre[k] / 299792.458
    truth = joint_equivalent_width(
        np.array(
            [[whole.centre[k], whole.centre[k] + NEAR], [half, half], [1.6 * scale] * 2, [0.2 * scale] * 2]
        )
    )
    assert abs(width - truth) < 4 * error
    assert error < 0.3 * members["equivalent_width_error"].value.min()


def test_a_pair_that_is_half_resolved_is_no_blend() -> None:
    k, whole = 27, comb()
    half = 0.5 * whole.strength[k]
    pair = comb(without=(k,), extra=((whole.centre[k], half), (whole.centre[k] + 0.1, half)))
    assert fit(observe(pair).spectrum, clone_of(pair)).summary["blends"] == []


def test_lines_that_stand_alone_are_no_blends() -> None:
    result = fit(observe(comb()).spectrum, clone_of(comb()))
    assert result.summary["blends"] == [] and not result.lines["blend"].any()
