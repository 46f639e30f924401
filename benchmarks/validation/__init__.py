"""Do the errors of a fit cover the truth? The parts of `benchmarks/validate.py`."""
