"""Which column of a table holds what, and in which unit: by name, by unit, or as the user says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from blase.containers.units import parse_wavelength_unit
from blase.errors import InputError

NAMES: dict[str, tuple[str, ...]] = {
    "wavelength": ("wavelength", "wavelengths", "wave", "wav", "wvl", "wl", "lam", "lambda"),
    "flux": ("flux", "fluxes", "spec", "spectrum", "intensity", "counts"),
    "uncertainty": (
        *(
            "uncertainty",
            "flux_uncertainty",
            "unc",
            "error",
            "err",
            "flux_error",
            "flux_err",
            "fluxerr",
            "flux_unc",
        ),
        *("eflux", "e_flux", "sigma", "flux_sigma", "std", "stddev", "sig", "noise"),
    ),
    "mask": ("mask",),
    "order": ("order", "row"),
    "echelle_order": ("echelle_order", "m"),
}
"""Names, in lower case and without unit, by which columns are recognised."""

_UNIT = r"(?P<unit>a|aa|å|ang|angstroms?|nm|nanometers?|um|µm|microns?|micrometers?)"
_WITH_UNIT = re.compile(
    rf"^(?P<base>.+?)(?:[\s_\-.]+{_UNIT}|[\s_]*[\[(]\s*{_UNIT.replace('unit', 'bracket')}\s*[\])])$"
)
_BRACKET = re.compile(r"\s*[\[(][^\])]*[\])]$")
_MEDIUM = re.compile(r"^(?P<base>.+?)_(?P<medium>vac|vacuum|air)$")


@dataclass(frozen=True)
class ColumnName:
    """A column name taken apart: 'Wave_air [nm]' is base 'wave', medium 'air', unit 'nm'."""

    base: str
    unit: str | None = None
    medium: str | None = None


def parse_name(name: str) -> ColumnName:
    """Take a column name apart; only wavelengths keep a unit and a medium, others lose a bracketed unit."""
    base, unit, medium = name.strip().lower(), None, None
    if match := _WITH_UNIT.match(base):
        base, unit = match["base"].strip(), match["unit"] or match["bracket"]
    if match := _MEDIUM.match(base):
        base, medium = match["base"], "air" if match["medium"] == "air" else "vacuum"
    if base in NAMES["wavelength"]:
        return ColumnName(base, unit, medium)
    return ColumnName(_BRACKET.sub("", name.strip().lower()))


def find_columns(names: Sequence[str], chosen: Mapping[str, str] | None, path: Path) -> dict[str, str]:
    """Role to column name. `chosen` (role to name) goes first; the rest follows from the names.

    Raises InputError when wavelength or flux is not found, a chosen column is not there, or a role is
    ambiguous.
    """
    chosen = dict(chosen or {})
    _check_chosen(names, chosen, path)
    roles = dict(chosen)
    for role, accepted in NAMES.items():
        candidates = [n for n in names if parse_name(n).base in accepted and n not in chosen.values()]
        if role in roles or not candidates:
            continue
        if len(candidates) > 1:
            raise InputError(
                f"several columns could be the {role}",
                path=path,
                value=", ".join(candidates),
                expected="one",
                fix=f"pass --column {role}=NAME (columns={{'{role}': NAME}})",
            )
        roles[role] = candidates[0]
    for role in ("wavelength", "flux"):
        if role not in roles:
            raise _unknown(role, names, path)
    return roles


def recognised(names: Sequence[str]) -> bool:
    """Whether some name is a wavelength and some name a flux."""
    bases = {parse_name(name).base for name in names}
    return not bases.isdisjoint(NAMES["wavelength"]) and not bases.isdisjoint(NAMES["flux"])


def _unknown(role: str, names: Sequence[str], path: Path) -> InputError:
    return InputError(
        f"no column is recognised as the {role}",
        path=path,
        value=f"columns {', '.join(names) or '(none)'}",
        expected=f"a column named {', '.join(NAMES[role])}",
        fix=f"rename it, or pass --column {role}=NAME (columns={{'{role}': NAME}})",
    )


def _check_chosen(names: Sequence[str], chosen: Mapping[str, str], path: Path) -> None:
    for role, name in chosen.items():
        if role not in NAMES:
            raise InputError(
                "unknown kind of column",
                path=path,
                value=role,
                expected=", ".join(NAMES),
                fix=f"pass --column ROLE={name} (columns={{ROLE: {name!r}}}) with one of these",
            )
        if name not in names:
            raise InputError(
                f"there is no column {name!r} for the {role}",
                path=path,
                value=f"columns {', '.join(names)}",
                expected="the name of a column in the file",
                fix=f"pass --column {role}=NAME (columns={{'{role}': NAME}}) with one of these",
            )


def column_unit(name: str, stated: str | None, asked: str | None, path: Path) -> tuple[str | None, list[str]]:
    """The unit of the wavelength column and the history of how it was settled.

    `asked` (the user) goes before `stated` (TUNIT or the like) and the unit in the column's name; the latter
    two must agree. None when nobody says.
    """
    in_name = parse_name(name).unit
    if asked is not None:
        said = stated or in_name
        override = f" (the file says {said})" if said else ""
        return asked, [f"wavelength unit: {asked}, as asked{override}"]
    if (
        stated
        and in_name
        and parse_wavelength_unit(stated, path=path) != parse_wavelength_unit(in_name, path=path)
    ):
        raise InputError(
            "mixed units: the wavelength column says one unit in its name and another in its header",
            path=path,
            value=f"{name} with unit {stated}",
            expected="one unit",
            fix="pass --wavelength-unit to say which holds",
        )
    unit = stated or in_name
    return unit, [f"wavelength unit: {unit}, from the file"] if unit else []
