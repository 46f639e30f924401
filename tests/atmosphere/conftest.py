"""Hand-made records of all seven molecules, and what the package hitran-api makes of them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

# molecule, isotopologue, wavenumber, intensity, air width, self width, lower energy, exponent, shift
RECORDS = (
    (1, 1, 10613.4, 2.2e-21, 0.0800, 0.400, 212.1564, 0.70, -0.015),
    (1, 4, 7100.2, 3.0e-24, 0.0700, 0.350, 46.1735, 0.65, -0.008),
    (2, 1, 6240.10441, 1.751e-23, 0.0740, 0.100, 106.1297, 0.70, -0.00563),
    (3, 1, 1030.5, 4.0e-20, 0.0700, 0.095, 120.5, 0.76, -0.002),
    (4, 1, 4700.3, 1.2e-21, 0.0750, 0.100, 88.0, 0.75, -0.0018),
    (5, 1, 4285.0089, 3.4e-21, 0.0650, 0.070, 11.535, 0.69, -0.0035),
    (6, 1, 6004.292259, 1.032e-21, 0.0661, 0.079, 62.8782, 0.72, -0.012),
    (7, 1, 13091.710364, 8.296e-24, 0.0505, 0.052, 130.4375, 0.76, -0.007878),
)

TEMPERATURE, PRESSURE = 251.0, 0.613  # [K], [atm]
OFFSETS = (-1.0, -0.1, -0.01, 0.02, 0.2, 3.0)  # [cm^-1] from the wavenumber of the record

# hitran-api 1.3.0.0 (TIPS-2021) at TEMPERATURE: EnvironmentDependency_Intensity; absorptionCoefficient_Voigt
# in pure air at OFFSETS [cm^2], and in the pure gas at the last of them
HAPI = (
    (
        2.338639e-21,
        (4.162681e-23, 3.725320e-21, 1.295039e-20, 1.047676e-20, 8.831192e-22, 4.523466e-24),
        2.25738e-23,
    ),
    (
        3.689889e-24,
        (5.653596e-26, 5.013665e-24, 2.373409e-23, 1.925550e-23, 1.272271e-24, 6.211717e-27),
        3.09718e-26,
    ),
    (
        1.952283e-23,
        (3.177718e-25, 2.665407e-23, 1.192135e-22, 1.004894e-22, 7.202436e-24, 3.506346e-26),
        4.74808e-26,
    ),
    (
        4.738139e-20,
        (7.336410e-22, 6.052145e-20, 3.002500e-19, 2.604554e-19, 1.711716e-20, 8.142068e-23),
        1.10565e-22,
    ),
    (
        1.376901e-21,
        (2.279216e-23, 1.829699e-21, 8.154593e-21, 7.222161e-21, 5.288534e-22, 2.531030e-24),
        3.37640e-24,
    ),
    (
        3.967754e-21,
        (5.651997e-23, 4.888954e-21, 2.726290e-20, 2.267152e-20, 1.317062e-21, 6.255007e-24),
        6.74556e-24,
    ),
    (
        1.255865e-21,
        (1.847502e-23, 1.729075e-21, 8.530659e-21, 6.445138e-21, 4.059457e-22, 2.016312e-24),
        2.42140e-24,
    ),
    (
        8.731149e-24,
        (9.838557e-26, 9.779693e-24, 7.178708e-23, 5.324821e-23, 2.277029e-24, 1.079996e-26),
        1.11565e-26,
    ),
)


def record(
    molecule: int,
    isotopologue: int,
    wavenumber: float,
    intensity: float,
    air_width: float,
    self_width: float,
    lower_energy: float,
    exponent: float,
    shift: float,
) -> str:
    """One record of 160 characters."""
    start = f"{molecule:2d}{isotopologue:1d}{wavenumber:12.6f}{intensity:10.3E}{1.0:10.3E}"
    widths = f"{air_width:.4f}"[1:] + f"{self_width:.3f}"
    rest = f"{lower_energy:10.4f}{exponent:4.2f}" + f"{shift:.6f}".replace("0.", ".", 1).rjust(8)
    return (start + widths + rest).ljust(146) + "    1.0    1.0"


@pytest.fixture(scope="session")
def oracle() -> SimpleNamespace:
    """`records`, `record` to write one, and `hapi` at `temperature`, `pressure` and `offsets`."""
    return SimpleNamespace(
        records=RECORDS,
        record=record,
        hapi=HAPI,
        temperature=TEMPERATURE,
        pressure=PRESSURE,
        offsets=OFFSETS,
    )
