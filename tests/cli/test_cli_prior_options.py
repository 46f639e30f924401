"""Options on the priors of lines: how they are read, and that they reach the fit."""

from __future__ import annotations

import pytest

from blase.cli.prior_options import parse_prior_widths, parse_priors
from blase.errors import InputError


def test_shapes_and_widths() -> None:
    assert parse_priors(None) is None and parse_prior_widths(None) is None
    assert parse_priors(["stellar_lines=laplace", " telluric_gamma = student-t "]) == {
        "stellar_lines": "laplace",
        "telluric_gamma": "student-t",
    }
    assert parse_prior_widths(["stellar_strength=0.3", "telluric_centre=1e-2"]) == {
        "stellar_strength": 0.3,
        "telluric_centre": 0.01,
    }


@pytest.mark.parametrize(
    "texts", [["stellar_gamma"], ["=laplace"], ["a="], [""], ["a=laplace", "a=gaussian"]]
)
def test_shapes_that_cannot_be_read(texts: list[str]) -> None:
    with pytest.raises(InputError, match="--prior cannot be read"):
        parse_priors(texts)


@pytest.mark.parametrize("texts", [["a"], ["a=wide"], ["a=nan"], ["a=inf"], ["a="], ["a=1", "a=2"]])
def test_widths_that_cannot_be_read(texts: list[str]) -> None:
    with pytest.raises(InputError, match="--prior-width cannot be read"):
        parse_prior_widths(texts)
