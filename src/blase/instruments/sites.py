"""Observatories, for files that do not say where their telescope stands.

Coordinates are those that the observatories publish, as astropy's list of sites has them, to 1" or so: a
kilometre costs 0.1 m/s in barycentric velocity.
"""

from __future__ import annotations

from blase.containers.observation import Site

HET = Site("Hobby-Eberly Telescope", -(104 + 0 / 60 + 53.0 / 3600), 30 + 40 / 60 + 53.2 / 3600, 2026.0)
"""W 104 00 53.0, N 30 40 53.2, 2026 m, published by the telescope (hydra.as.utexas.edu)."""
MCDONALD = Site("McDonald Observatory, 2.7 m", -104.0225, 30.6717, 2075.0)
GEMINI_SOUTH = Site("Gemini South", -70.73669, -30.24074, 2722.0)
GEMINI_NORTH = Site("Gemini North", -155.46905, 19.82380, 4213.0)
LOWELL_DISCOVERY = Site("Lowell Discovery Telescope", -111.4223, 34.7444, 2361.0)
KECK = Site("W. M. Keck Observatory", -155.4783, 19.8283, 4160.0)
IRTF = Site("NASA Infrared Telescope Facility", -155.4720, 19.8262, 4168.0)
APACHE_POINT = Site("Apache Point Observatory", -105.8204, 32.7804, 2798.0)
LAS_CAMPANAS = Site("Las Campanas Observatory", -70.6920, -29.0146, 2380.0)
LA_SILLA = Site("La Silla Observatory", -70.7345, -29.2584, 2400.0)
PARANAL = Site("Paranal Observatory", -70.4045, -24.6268, 2648.0)
WHIPPLE = Site("Fred Lawrence Whipple Observatory", -110.8775, 31.6810, 2345.0)
SALT = Site("Southern African Large Telescope", 20.8107, -32.3758, 1798.0)
KITT_PEAK = Site("Kitt Peak, WIYN", -111.6006, 31.9578, 2091.0)
CALAR_ALTO = Site("Calar Alto, 3.5 m", -2.5461, 37.2236, 2168.0)
ANGLO_AUSTRALIAN = Site("Anglo-Australian Telescope", 149.0672, -31.2770, 1164.0)
LA_PALMA_TNG = Site("Telescopio Nazionale Galileo", -17.8890, 28.7540, 2387.0)
LICK = Site("Lick Observatory", -121.6429, 37.3414, 1283.0)
