"""The U.S. Standard Atmosphere with the trace gases of the AFGL model, so that nothing has to be downloaded.

Temperature and pressure follow from the seven lapse rates of the U.S. Standard Atmosphere 1976 (NOAA-S/T
76-1562, eqs. 18, 23, 33). Mixing ratios are those of Anderson et al. 1986 (AFGL-TR-86-0110, model 6), with
the well-mixed gases at present values: 420 ppm of CO2, 1.90 of CH4 and 0.335 of N2O at the ground.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blase.atmosphere.profile import Profile

FloatArray = NDArray[np.float64]

_EARTH_RADIUS = 6356.766  # [km], of the definition of the geopotential altitude
_GRADIENT = 34.163195  # g0 M / R [K/km]
_BASE = np.array([0.0, 11.0, 20.0, 32.0, 47.0, 51.0, 71.0])  # geopotential [km]
_LAPSE = np.array([-6.5, 0.0, 1.0, 2.8, 0.0, -2.8, -2.0])  # [K/km]
_GROUND_TEMPERATURE, _GROUND_PRESSURE = 288.15, 1013.25
_TOP, _SPACING = 80.0, 0.25  # [km]

_ALTITUDE = np.array([*range(17), 18, 20, 25, 30, 40, 50, 60, 70, 80], dtype=np.float64)
_PPM = {
    "H2O": "7745 6071 4631 3182 2158 1397 925.4 572.0 366.7 158.3 69.96 36.13 19.06 10.85 5.927 5.00 3.95 "
    "3.83 3.90 4.43 4.73 5.03 5.23 4.75 3.50 2.05",
    "O3": "0.0266 0.0293 0.0324 0.0332 0.0339 0.0377 0.0411 0.0501 0.0597 0.0917 0.131 0.215 0.310 0.385 "
    "0.503 0.651 0.870 1.59 2.58 5.12 6.55 7.30 3.10 1.10 0.300 0.300",
    "N2O": "0.320 0.320 0.320 0.320 0.320 0.320 0.320 0.320 0.320 0.320 0.318 0.314 0.310 0.305 0.300 0.294 "
    "0.288 0.267 0.237 0.176 0.142 0.0451 0.00475 0.00207 0.00115 0.000706",
    "CO": "0.150 0.145 0.140 0.135 0.131 0.130 0.129 0.125 0.119 0.109 0.0996 0.0896 0.0781 0.0637 0.0503 "
    "0.0394 0.0307 0.0197 0.0133 0.0150 0.0171 0.0250 0.0460 0.107 0.306 1.50",
    "CH4": "1.70 1.70 1.70 1.70 1.70 1.70 1.70 1.70 1.70 1.69 1.69 1.68 1.66 1.65 1.63 1.61 1.58 1.52 1.42 "
    "1.06 0.914 0.564 0.210 0.150 0.150 0.150",
}
_PRESENT = {"CH4": 1.90 / 1.70, "N2O": 0.335 / 0.320}
_CARBON_DIOXIDE, _OXYGEN = 420e-6, 0.209_46


def standard_profile() -> Profile:
    """The standard atmosphere from sea level to 80 km, every quarter of a kilometre."""
    altitude = np.arange(0.0, _TOP + _SPACING, _SPACING)
    temperature, pressure = standard_air(altitude)
    ratios = {name: _interpolated(name, altitude) for name in _PPM}
    ratios |= {"CO2": np.full_like(altitude, _CARBON_DIOXIDE), "O2": np.full_like(altitude, _OXYGEN)}
    return Profile("U.S. standard atmosphere", altitude, pressure, temperature, ratios)


def standard_air(altitude: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Temperature [K] and pressure [hPa], (n,), at geometric `altitude` (n,) [km] from 0 to 80 km."""
    height = _EARTH_RADIUS * altitude / (_EARTH_RADIUS + altitude)
    base_temperature = _GROUND_TEMPERATURE + np.concatenate([[0.0], np.cumsum(_LAPSE[:-1] * np.diff(_BASE))])
    base_pressure = [_GROUND_PRESSURE]
    for k in range(len(_BASE) - 1):
        base_pressure.append(
            base_pressure[k] * _fall(_BASE[k + 1] - _BASE[k], base_temperature[k], _LAPSE[k])
        )
    layer = np.clip(np.searchsorted(_BASE, height, side="right") - 1, 0, len(_BASE) - 1)
    above = height - _BASE[layer]
    falls = [_fall(a, base_temperature[k], _LAPSE[k]) for a, k in zip(above, layer, strict=True)]
    return base_temperature[layer] + _LAPSE[layer] * above, np.array(base_pressure)[layer] * np.array(falls)


def _fall(above: float, temperature: float, lapse: float) -> float:
    """p / p_base a geopotential height `above` [km] the base of a layer."""
    if lapse == 0.0:
        return float(np.exp(-_GRADIENT * above / temperature))
    return float((temperature / (temperature + lapse * above)) ** (_GRADIENT / lapse))


def _interpolated(name: str, altitude: FloatArray) -> FloatArray:
    ppm = np.array([float(text) for text in _PPM[name].split()])
    return np.exp(np.interp(altitude, _ALTITUDE, np.log(ppm))) * 1e-6 * _PRESENT.get(name, 1.0)
