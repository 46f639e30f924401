"""Templates: precomputed spectra and line lists, read, flattened and described."""

from blase.templates.from_arrays import template_from_arrays
from blase.templates.read import read_template
from blase.templates.template import LineTemplate, Template, describe

__all__ = ["LineTemplate", "Template", "describe", "read_template", "template_from_arrays"]
