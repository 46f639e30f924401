import numpy as np
import pytest
import torch
from torch import nn

from blase.errors import InputError
from blase.fit.parameters import ParameterSpace, Prior
from blase.fit.priors import LinePriorWidths, line_priors, scalar_prior
from blase.model.lines import VoigtLines


def double(*values):
    return torch.tensor(values, dtype=torch.float64)


class Toy(nn.Module):
    def __init__(self):
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(2.0, dtype=torch.float64))
        self.frozen = nn.Parameter(double(7.0))
        self.table = nn.Parameter(torch.arange(6, dtype=torch.float64).reshape(2, 3))


def toy_space(model):
    mean = torch.ones(2, 3, dtype=torch.float64)
    return ParameterSpace(
        model, {"table": Prior(mean, 2 * mean, lower=-1.0), "slope": scalar_prior(1.0, 0.25)}
    )


def test_pack_counts_prior_widths_from_the_mean():
    z = toy_space(Toy()).pack(Toy())
    torch.testing.assert_close(z, double(-0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 4.0))


def test_unpack_is_the_inverse_of_pack():
    model = Toy()
    space = toy_space(model)
    values = space.unpack(space.pack(model))
    assert set(values) == {"table", "slope"}
    torch.testing.assert_close(values["table"], model.table.detach())
    torch.testing.assert_close(values["slope"], model.slope.detach())


def test_store_writes_into_the_model_and_leaves_the_rest():
    model = Toy()
    space = toy_space(model)
    z = torch.arange(7, dtype=torch.float64)
    space.store(model, z)
    torch.testing.assert_close(space.pack(model), z)
    torch.testing.assert_close(model.table.detach().reshape(-1), 1 + 2 * z[:6])
    assert model.frozen.detach().tolist() == [7.0]


def test_bounds_are_in_prior_widths():
    np.testing.assert_array_equal(toy_space(Toy()).lower_bounds(), [-1.0] * 6 + [-np.inf])


def test_a_space_without_priors_is_empty():
    space = ParameterSpace(Toy(), {})
    assert space.size == 0
    assert space.pack(Toy()).shape == (0,)
    assert space.unpack(space.pack(Toy())) == {}


@pytest.mark.parametrize("width", [0.0, -1.0, float("nan")])
def test_a_width_that_is_not_positive_is_refused(width):
    with pytest.raises(InputError, match="slope"):
        ParameterSpace(Toy(), {"slope": scalar_prior(0.0, width)})


def test_an_unknown_parameter_is_refused():
    with pytest.raises(InputError, match="slop"):
        ParameterSpace(Toy(), {"slop": scalar_prior(0.0, 1.0)})


def test_line_priors_centre_on_the_clone_and_skip_frozen_classes():
    one = double(1.0, 2.0)
    lines = VoigtLines(centre=5000 * one, strength=one, sigma=3 * one, gamma=one)
    priors = line_priors("star", lines, LinePriorWidths(0.3, 0.5, 0.0, 0.2))
    assert set(priors) == {f"star.lines.{kind}" for kind in ("centre_shift", "log_strength", "log_gamma")}
    torch.testing.assert_close(priors["star.lines.log_strength"].mean, torch.log(one))
    torch.testing.assert_close(priors["star.lines.log_gamma"].width, double(0.2, 0.2))
    with torch.no_grad():
        lines.log_strength += 1.0  # a prior stays where it was made
    torch.testing.assert_close(priors["star.lines.log_strength"].mean, torch.log(one))
