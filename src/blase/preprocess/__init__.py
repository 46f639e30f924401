"""What is done to a spectrum before it is fitted; each step returns a new spectrum and is in its history."""

from blase.preprocess.blaze import deblaze
from blase.preprocess.frame import to_frame
from blase.preprocess.masks import mask_cosmic_rays, mask_ranges, trim_edges
from blase.preprocess.medium import from_air
from blase.preprocess.resampled import as_resampled
from blase.preprocess.sky import subtract_sky
from blase.preprocess.stack import stack
from blase.preprocess.steps import Steps, prepare
from blase.preprocess.uncertainty import estimate_uncertainty

__all__ = [
    "Steps",
    "as_resampled",
    "deblaze",
    "estimate_uncertainty",
    "from_air",
    "mask_cosmic_rays",
    "mask_ranges",
    "prepare",
    "stack",
    "subtract_sky",
    "to_frame",
    "trim_edges",
]
