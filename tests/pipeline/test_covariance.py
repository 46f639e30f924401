"""Covariances of a fit by name, against dense matrices, finite differences and the errors that it reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.special import voigt_profile

from blase.cli.main import main
from blase.errors import InputError
from blase.fit.jacobian import jacobian
from blase.pipeline.build import Settings, within_reach
from blase.pipeline.line_table import line_table
from blase.pipeline.linearise import linearised_fit
from blase.pipeline.options import freedom
from blase.pipeline.prepare import to_pixels
from blase.pipeline.solve import Solved, solve
from blase.results.linearised import LinearisedFit
from blase.results.result import FitResult

SCALARS = ("radial_velocity", "vsini", "resolving_power", "wind_velocity", "telluric_strength_scale")


def test_errors_are_those_that_the_fit_reports(fitted: FitResult) -> None:
    """Its table comes from selected inversion, line by line."""
    found = fitted.covariance(*SCALARS)
    assert found.names == SCALARS and found.units == ("km/s", "km/s", "", "km/s", "")
    np.testing.assert_allclose(found.errors, [fitted.summary[name]["error"] for name in SCALARS], rtol=1e-6)
    continuum = fitted.covariance("continuum.0")
    np.testing.assert_allclose(continuum.errors, fitted.summary["continuum"]["0"]["error"], rtol=1e-6)
    for row in fitted.lines[::9]:
        of_line = fitted.covariance(str(row["line_id"]))
        for name, error, unit in zip(of_line.names, of_line.errors, of_line.units, strict=True):
            column = row[f"{name.split('.')[1]}_error"]
            assert error == pytest.approx(column.value, rel=1e-5)
            assert unit == str(column.unit).replace(" ", "")
    width = fitted.lines["line_id"][0] + ".equivalent_width"
    assert width in fitted.covariance(str(fitted.lines["line_id"][0])).names


def test_correlation_is_that_of_the_summary(fitted: FitResult) -> None:
    names = fitted.summary["correlation"]["names"]
    found = fitted.covariance(*names).correlation
    np.testing.assert_allclose(found, fitted.summary["correlation"]["matrix"], rtol=1e-6, atol=1e-9)


def test_all_but_lines_without_names(fitted: FitResult) -> None:
    found = fitted.covariance()
    assert set(SCALARS) | {"continuum.0.0", "continuum.0.5", "telluric_gamma_scale"} <= set(found.names)
    assert not any(
        name[0] in "ST" and name[1:].isdecimal() for name in (n.split(".")[0] for n in found.names)
    )
    assert np.linalg.eigvalsh(found.correlation).min() > -1e-9


@pytest.fixture(scope="module", params=["plain", "student-t"])
def known(request, simulate_order: Callable) -> tuple[Solved, LinearisedFit]:
    """A fit of a short order and its linearised form."""
    simulation, star, air = simulate_order((8229.5, 8232.5), n_pixels=70)
    pixels = [to_pixels(order) for order in simulation.spectrum.orders]
    settings = Settings(star, air, 20.0, 8.0, 0.0, 55_000.0, 1650.0, 0.6, 2, freedom(None, None))
    if request.param != "plain":
        heavy = replace(settings.regularisation, shapes={"stellar_strength": "student-t"})
        settings = replace(settings, regularisation=heavy)
    settings = within_reach(settings, pixels)
    solved = solve(pixels, settings, fixed=True, max_iterations=10)
    derivative = jacobian(solved.model, solved.objective.data, solved.normal_space)
    dropped = star.lines.take(np.zeros(len(star.lines), dtype=bool))
    table = line_table(solved, settings.star, settings.telluric, pixels, dropped=dropped, blends=[])
    return solved, linearised_fit(solved, derivative, pixels, "", table)


@torch.no_grad()
def numbers(solved: Solved, z: torch.Tensor) -> dict[str, float]:
    """Some numbers of the fit at the parameters `z`, computed one by one."""
    solved.normal_space.store(solved.model, z)
    star, air, spread = solved.model.star, solved.model.atmosphere, solved.model.line_spread
    assert star is not None and air is not None and spread is not None
    out = {
        "radial_velocity": float(star.radial_velocity),
        "resolving_power": float(spread.log_resolving_power.exp()),
        "vsini_squared": float(star.vsini_squared),
        "telluric_gamma_scale": float(air.lines.log_gamma_scale.exp()),
    }
    for letter, part in (("S", star.lines), ("T", air.lines)):
        seen = {k: v.numpy() for k, v in part.observed(0.0, torch.arange(len(part))).items()}
        for j in (len(part) // 2, len(part) // 2 + 1):
            centre, strength, sigma, gamma = (
                float(seen[k][j]) for k in ("centre", "strength", "sigma", "gamma")
            )
            name = f"{letter}{np.argsort(np.argsort(part.centre.numpy()))[j]:05d}"

            def absorbed(x: float, a: float = strength, s: float = sigma, g: float = gamma) -> float:
                return -np.expm1(-a * voigt_profile(x, s, g))

            ends = [0, sigma, 5 * sigma, 50 * sigma, np.inf]
            width = 2 * sum(quad(absorbed, *ab, epsrel=1e-10)[0] for ab in pairwise(ends))
            out |= {
                f"{name}.centre": centre,
                f"{name}.strength": strength,
                f"{name}.sigma": sigma / centre * 299_792.458,
                f"{name}.gamma": gamma / centre * 299_792.458,
                f"{name}.equivalent_width": width,
            }
    return out


def test_against_the_dense_inverse_and_slopes_by_differences(known: tuple[Solved, LinearisedFit]) -> None:
    solved, found = known
    space, z = solved.normal_space, solved.normal_space.pack(solved.model)
    matrix = jacobian(solved.model, solved.objective.data, space).to_dense()
    dense = np.linalg.inv(matrix.T @ matrix + np.eye(space.size))
    names, slopes, step = list(numbers(solved, z)), [], 1e-4
    for k in range(space.size):
        sides = []
        for sign in (1, -1):
            moved = z.clone()
            moved[k] += sign * step
            sides.append(np.array(list(numbers(solved, moved).values())))
        slopes.append((sides[0] - sides[1]) / (2 * step))
    space.store(solved.model, z)
    by_hand = np.array(slopes).T
    moves = np.abs(by_hand).max(axis=1) > 1e-10
    held = [name for name, moving in zip(names, moves, strict=True) if not moving]
    assert (
        len(held) == 2
        and all(n[0] == "T" and n.endswith(".sigma") for n in held)
        and not set(held) & set(found.names)
    )
    by_hand = by_hand[moves]
    rows = np.array([found.names.index(name) for name in names if name not in held])
    expected, error = by_hand @ dense @ by_hand.T, np.sqrt(np.diag(by_hand @ dense @ by_hand.T))
    np.testing.assert_allclose(
        found.covariance(rows) / np.outer(error, error), expected / np.outer(error, error), atol=2e-5
    )
    assert np.abs(expected / np.outer(error, error) - np.eye(error.size)).max() > 0.3  # they do go together


def test_a_fit_read_back_knows_the_same(fitted: FitResult, tmp_path: Path) -> None:
    folder = fitted.write(tmp_path / "fit")
    again = FitResult.read(folder)
    names = ("radial_velocity", str(fitted.lines["line_id"][3]), "continuum")
    np.testing.assert_array_equal(again.covariance(*names).matrix, fitted.covariance(*names).matrix)
    (folder / "covariance.safetensors").write_bytes(b"\x08damaged")
    with pytest.raises(InputError, match="linearised fit cannot be read"):
        FitResult.read(folder)
    (folder / "covariance.safetensors").unlink()
    with pytest.raises(InputError, match="no covariances"):
        FitResult.read(folder).covariance("vsini")


def test_names_that_are_not_known(fitted: FitResult) -> None:
    with pytest.raises(InputError, match="perhaps radial_velocity is meant"):
        fitted.covariance("radial_velocty")
    with pytest.raises(InputError, match="no covariance is known"):
        fitted.covariance("limb_darkening")


def test_command(fitted: FitResult, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(fitted.write(tmp_path / "fit"))
    line = str(fitted.lines["line_id"][2])
    arguments = ["covariance", folder, "vsini", f"{line}.strength", "--correlation", "--format", "csv"]
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    header, first, second = out.splitlines()
    assert header == f"name,unit,error,vsini,{line}.strength" and err.strip() == "correlations of 2 numbers"
    assert first.split(",")[:2] == ["vsini", "km/s"] and float(first.split(",")[3]) == pytest.approx(1)
    expected = fitted.covariance("vsini", f"{line}.strength").correlation[0, 1]
    assert float(first.split(",")[4]) == float(second.split(",")[3]) == pytest.approx(expected)
    assert main(["covariance", folder, "no_such_number"]) == 2
    assert "no_such_number" in capsys.readouterr().err
    target = tmp_path / "all.fits"
    assert main(["covariance", folder, "-o", str(target), "--quiet"]) == 0 and target.stat().st_size > 1000
