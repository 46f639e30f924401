"""Templates of a few samples, without lines, beyond reason: a clone of finite numbers, or a clear refusal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from blase.cloning import Clone, clone_template
from blase.errors import InputError
from blase.templates.template import Template

W = np.linspace(8600.0, 8610.0, 500)


def dip(wavelength: np.ndarray, centre: float) -> np.ndarray:
    return 1 - 0.5 * np.exp(-0.5 * ((wavelength - centre) / 0.05) ** 2)


def template(wavelength, flux) -> Template:  # type: ignore[no-untyped-def]
    wavelength, flux = np.asarray(wavelength, dtype=float), np.asarray(flux, dtype=float)
    return Template("t", wavelength, flux, np.ones(wavelength.size), path="t.txt")


def few(*flux: float) -> Template:
    return template(8600.0 + 0.02 * np.arange(len(flux)), flux)


CLONED = {
    "three samples": few(1, 0.5, 1),
    "five samples": few(1, 0.8, 0.3, 0.8, 1),
    "a black sample": few(1, 0, 1),
    "below black": few(1, -0.2, 0.5, 1),
    "at the edge": template(W, dip(W, 8600.03)),
    "a black box": template(W, np.where(np.abs(W - 8605) < 1, 0.0, 1.0)),
    "every other sample": template(W[:60], np.tile([1.0, 0.2], 30)),
    "not normalised": template(W, 1e6 * dip(W, 8605)),
    "two identical lines": template(W, dip(W, 8605) ** 2),
    "a sample alone": template([*W, 8650.0, *(W + 100)], [*dip(W, 8605), 0.5, *dip(W + 100, 8705)]),
    "a last sample alone": template([*W, 8650.0], [*dip(W, 8605), 0.5]),
}
REFUSED = {
    "two samples": few(1, 0.5),
    "constant": template(W, np.ones(500)),
    "constant, not normalised": template(W, np.full(500, 0.5)),
    "zero": template(W, np.zeros(500)),
    "emission": template(W, 2 - dip(W, 8605)),
    "a line outside the data": template(W, 1 - 0.5 / (1 + ((W - 8599) / 0.5) ** 2)),
    "not a number": template(W, np.where(np.arange(500) == 7, np.nan, dip(W, 8605))),
}
BLURS = {"native": {}, "blurred": {"resolving_power": 60_000.0}, "any blur": {"fit_resolving_power": True}}


@pytest.mark.parametrize("blur", BLURS)
@pytest.mark.parametrize("name", CLONED)
def test_finite_numbers_and_a_reason(name: str, blur: str, tmp_path: Path) -> None:
    clone = clone_template(replace(CLONED[name], **BLURS[blur]))
    numbers = [clone.summary["residual_rms_native"], clone.summary["residual_rms_instrument"]]
    numbers += [x for n in ("centre", "strength", "sigma", "gamma") for x in getattr(clone.lines, n)]
    assert len(clone.lines) and np.isfinite(numbers).all()
    assert clone.summary["stop_reason"]
    clone.write(tmp_path / "clone")
    assert len(Clone.read(tmp_path / "clone").lines) == len(clone.lines)


@pytest.mark.parametrize("blur", BLURS)
@pytest.mark.parametrize("name", REFUSED)
def test_a_clear_refusal(name: str, blur: str) -> None:
    with pytest.raises(InputError, match="no line stands out|no numbers") as caught:
        clone_template(replace(REFUSED[name], **BLURS[blur]))
    told = str(caught.value)
    assert "t.txt" in told
    assert ("of 500" in told) if name == "not a number" else ("samples between" in told)


def test_two_identical_lines_are_cloned_as_one_of_twice_the_strength() -> None:
    one, two = (clone_template(template(W, dip(W, 8605) ** n)) for n in (1, 2))
    assert two.lines.strength.sum() == pytest.approx(2 * one.lines.strength.sum(), rel=0.01)


def test_samples_alone_between_gaps_of_a_blurred_template_are_left_out_and_named() -> None:
    clone = clone_template(replace(CLONED["a sample alone"], resolving_power=60_000.0))
    assert any(
        "1 samples alone between gaps are left out, the first at 8650.00 A" in n
        for n in clone.summary["notes"]
    )
    assert clone.summary["n_samples"] == 1000
