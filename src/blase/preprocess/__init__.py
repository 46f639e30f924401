"""What is done to a spectrum before it is fitted; each step returns a new spectrum and is in its history."""

from blase.preprocess.frame import to_frame
from blase.preprocess.sky import subtract_sky

__all__ = ["subtract_sky", "to_frame"]
