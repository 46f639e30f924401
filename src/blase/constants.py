"""Physical constants (CODATA 2018), in the units blasé works in."""

SPEED_OF_LIGHT = 299_792.458
"""Speed of light in vacuum [km/s], exact."""

BOLTZMANN_EV = 8.617333262e-5
"""Boltzmann constant [eV/K]."""

BOLTZMANN_OVER_AMU = 8.314462618e-3
"""Boltzmann constant over the atomic mass unit [km^2 s^-2 K^-1]: thermal sigma = sqrt(this * T / mass)."""

RADIATION_CONSTANT_2 = 1.438776877503933e8
"""Second radiation constant hc/k [Angstrom K]."""
