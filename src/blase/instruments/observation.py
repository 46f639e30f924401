"""What a file says of an observation, turned into the metadata of a spectrum."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from astropy.time import Time

from blase.containers.observation import Site, SkyPosition
from blase.instruments.barycentre import barycentric_velocity
from blase.instruments.defaults import ResolvingPower, default_resolving_power


@dataclass(frozen=True)
class Observation:
    """Target, time, place and instrument of an observation; None where the file does not say.

    Parameters
    ----------
    instrument : the name under which defaults are looked up.
    time, time_from : middle of the exposure and the sentence that says where it is from.
    stated_velocity, stated_in : barycentric velocity [km/s] and the keyword that has it.
    resolving_power : in place of the instrument's default, where it depends on slit or mode.
    """

    instrument: str | None
    target: str | None = None
    time: Time | None = None
    time_from: str = "time: unknown"
    site: Site | None = None
    position: SkyPosition | None = None
    stated_velocity: float | None = None
    stated_in: str = ""
    resolving_power: ResolvingPower | None = None

    def arguments(self, history: Iterable[str] = (), notes: Iterable[str] = ()) -> dict[str, Any]:
        """Arguments of `from_arrays` for all this, after the reader's own sentences."""
        velocity, velocity_history, velocity_notes = self._velocity()
        quoted = self.resolving_power or default_resolving_power(self.instrument)
        return {
            "target": self.target,
            "instrument": self.instrument,
            "position": self.position,
            "site": self.site,
            "time": self.time,
            "barycentric_velocity": velocity,
            "resolving_power": quoted and quoted.value,
            "resolving_power_error": quoted and quoted.error,
            "resolving_power_source": quoted and quoted.source,
            "history": [*history, self.time_from, *velocity_history],
            "notes": [*notes, *velocity_notes],
        }

    def _velocity(self) -> tuple[float | None, list[str], list[str]]:
        """BERV [km/s], history and notes: as the header states it, else from time, position and site."""
        if self.stated_velocity is not None:
            where = f"barycentric velocity: {self.stated_velocity:.4f} km/s, {self.stated_in} of the header"
            return self.stated_velocity, [where], []
        needed = {"time": self.time, "position": self.position, "site": self.site}
        missing = [name for name, value in needed.items() if value is None]
        if self.time is None or self.position is None or self.site is None:
            if len(missing) == len(needed):  # a file without any header, of which nobody expects a velocity
                return None, [], []
            return (
                None,
                [],
                [f"the barycentric velocity is unknown: the file has no {' and no '.join(missing)}"],
            )
        berv = barycentric_velocity(self.position, self.time, self.site)
        return berv, [f"barycentric velocity: {berv:.4f} km/s, from position, time and {self.site.name}"], []
