"""The whole job in one call."""

from blase.pipeline.demo import DemoResult, run_demo
from blase.pipeline.fit_spectrum import fit_spectrum

__all__ = ["DemoResult", "fit_spectrum", "run_demo"]
