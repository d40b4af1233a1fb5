"""Where the make-believe city lies: the real villages of Jakarta, with plausible points inside each."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from app.demo.chance import Lottery, chance

_AREAS = Path(__file__).parents[1] / "seed" / "jakarta_wilayah.csv"
_CENTRES = Path(__file__).with_name("centres.csv")
_ISLANDS = "31.01"


@dataclass(frozen=True, slots=True)
class Village:
    """A kelurahan by its real names; the point is a plausible middle, no survey."""

    code: str
    name: str
    district: str
    city: str
    lat: float
    lng: float

    @property
    def is_island(self) -> bool:
        """True in Kepulauan Seribu, which has hardly any suku dinas of its own."""
        return self.code.startswith(_ISLANDS)

    @property
    def short_city(self) -> str:
        """The city as citizens say it: `Jakarta Pusat`."""
        return self.city.removeprefix("Kota Administrasi ").removeprefix("Kabupaten Administrasi ")

    @property
    def unit(self) -> str:
        """The village office as CRM writes it."""
        return f"KELURAHAN {self.name.upper()}"


def load_villages(seed: int) -> Lottery[Village]:
    """All 267 villages; how much each complains and where its middle lies follows from the seed."""
    names = {row["code"]: row for row in _rows(_AREAS)}
    centres = {row["code"]: row for row in _rows(_CENTRES)}
    villages, weights = [], []
    for code, row in names.items():
        if row["level"] == "kelurahan":
            district = names[row["parent_code"]]
            city = names[district["parent_code"]]["name"]
            lat, lng = _middle(seed, code, centres[row["parent_code"]])
            villages.append(Village(code, row["name"], district["name"], city, lat, lng))
            weights.append(_weight(seed, code))
    return Lottery(villages, weights)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _middle(seed: int, code: str, centre: dict[str, str]) -> tuple[float, float]:
    rng = chance(seed, "middle", code)
    angle, radius = rng.random() * math.tau, float(centre["spread"]) * math.sqrt(rng.random())
    return float(centre["lat"]) + radius * math.sin(angle), float(centre["lng"]) + radius * math.cos(angle)


def _weight(seed: int, code: str) -> float:
    weight = 0.4 + 1.6 * chance(seed, "weight", code).random() ** 2
    return weight * 0.05 if code.startswith(_ISLANDS) else weight
