"""Masses and solar abundances of the elements, and the names by which line lists call them."""

from __future__ import annotations

import re

from blase.errors import InputError

_SYMBOLS = """
H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb
Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu
Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U
"""
SYMBOLS = _SYMBOLS.split()
"""Symbols in order of atomic number, from 1."""

_MASSES = (
    "1.008 4.003 6.94 9.012 10.81 12.011 14.007 15.999 18.998 20.180 22.990 24.305 26.982 28.085 30.974 "
    "32.06 35.45 39.95 39.098 40.078 44.956 47.867 50.942 51.996 54.938 55.845 58.933 58.693 63.546 65.38 "
    "69.723 72.630 74.922 78.971 79.904 83.798 85.468 87.62 88.906 91.224 92.906 95.95 98 101.07 102.906 "
    "106.42 107.868 112.414 114.818 118.710 121.760 127.60 126.904 131.293 132.905 137.327 138.905 "
    "140.116 140.908 144.242 145 150.36 151.964 157.25 158.925 162.500 164.930 167.259 168.934 173.045 "
    "174.967 178.486 180.948 183.84 186.207 190.23 192.217 195.084 196.967 200.592 204.38 207.2 208.980 "
    "209 210 222 223 226 227 232.038 231.036 238.029"
)
MASS = dict(zip(SYMBOLS, map(float, _MASSES.split()), strict=True))
"""Standard atomic weight [amu] (IUPAC; mass number of the longest-lived isotope where there is none)."""

_ABUNDANCES = (
    "12.00 10.93 1.05 1.38 2.70 8.43 7.83 8.69 4.56 7.93 6.24 7.60 6.45 7.51 5.41 7.12 5.50 6.40 5.03 "
    "6.34 3.15 4.95 3.93 5.64 5.43 7.50 4.99 6.22 4.19 4.56 3.04 3.65 2.30 3.34 2.54 3.25 2.52 2.87 2.21 "
    "2.58 1.46 1.88 -99 1.75 0.91 1.57 0.94 1.71 0.80 2.04 1.01 2.18 1.55 2.24 1.08 2.18 1.10 1.58 0.72 "
    "1.42 -99 0.96 0.52 1.07 0.30 1.10 0.48 0.92 0.10 0.84 0.10 0.85 -0.12 0.85 0.26 1.40 1.38 1.62 0.92 "
    "1.17 0.90 1.75 0.65 -99 -99 -99 -99 -99 -99 0.02 -99 -0.54"
)
ABUNDANCE = dict(zip(SYMBOLS, map(float, _ABUNDANCES.split()), strict=True))
"""log10 of the number of atoms per 10^12 of hydrogen in the Sun: photosphere, else meteorites
(Asplund et al. 2009, ARA&A 47, 481, Table 1, doi:10.1146/annurev.astro.46.060407.145222); -99 where
not found."""

_ATOM = re.compile(r"([A-Z][a-z]?)(\d*)")


def atoms_of(species: str) -> dict[str, int]:
    """Atoms of an atom or molecule: "Fe 2" gives {Fe: 1}, "TiO 1" {Ti: 1, O: 1}, "C2 1" {C: 2}.

    Raises `InputError` where a symbol is not an element.
    """
    formula = re.sub(r"\(\d+\)", "", species).split()[0] if species.split() else ""
    parts = _ATOM.findall(formula)
    if not parts or "".join(a + b for a, b in parts) != formula or any(a not in MASS for a, _ in parts):
        raise InputError(
            "not an atom or a molecule",
            value=repr(species),
            expected="for instance Fe 1 or TiO 1",
            fix="mend or remove the line",
        )
    atoms: dict[str, int] = {}
    for symbol, count in parts:
        atoms[symbol] = atoms.get(symbol, 0) + int(count or 1)
    return atoms


def mass_of(species: str) -> float:
    """Mass of an atom or molecule [amu]."""
    return sum(MASS[symbol] * count for symbol, count in atoms_of(species).items())


def abundance_of(species: str) -> float:
    """Solar log10 abundance (hydrogen = 12) of an atom, or of the rarest atom of a molecule."""
    return min(ABUNDANCE[symbol] for symbol in atoms_of(species))


def species_of_code(code: float, *, ion_digits: int) -> str:
    """Name of a numeric code: 26.1 (MOOG, one digit of ionisation) or 26.01 (Kurucz, two) is "Fe 2".

    Molecules are written with two digits an atom: 822.0 is O and Ti. Later digits (isotopes) are left out.
    Raises `InputError` where an atomic number is not that of an element.
    """
    whole, _, fraction = f"{code:.5f}".partition(".")
    digits = whole if len(whole) % 2 == 0 else "0" + whole
    numbers = [int(digits[i : i + 2]) for i in range(0, len(digits), 2)]
    if any(not 1 <= z <= len(SYMBOLS) for z in numbers):
        raise InputError(
            "not a code of an atom or a molecule",
            value=code,
            expected="for instance 26.1 for Fe II",
            fix="mend or remove the line",
        )
    names = [SYMBOLS[z - 1] for z in sorted(numbers, reverse=True)]
    return f"{''.join(names)} {int(fraction[:ion_digits]) + 1}"
