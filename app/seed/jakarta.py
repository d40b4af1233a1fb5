"""Jakarta's units, the labels that mean them and the names of its villages, read from the files beside this module."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from app.complaint.words import fold_label
from app.seed.files import read_csv, read_toml


@dataclass(frozen=True, slots=True)
class UnitSeed:
    """One unit: `parent` is who it answers to, `second_parent` the area it works in, where that is another one.

    `labels` are the other spellings under which sources know it, as people write them.
    """

    code: str
    name: str
    type: str
    parent: str | None
    second_parent: str | None = None
    is_validator: bool = False
    labels: tuple[str, ...] = ()

    @property
    def parents(self) -> tuple[str, ...]:
        """The codes of both parents, where there are any."""
        return tuple(parent for parent in (self.parent, self.second_parent) if parent is not None)


@dataclass(frozen=True, slots=True)
class Village:
    """A kelurahan: its Kemendagri code, which is also its unit's, its bare name and the kecamatan it lies in."""

    code: str
    name: str
    district: str


@cache
def units() -> tuple[UnitSeed, ...]:
    """Every unit, parents before children.

    Raises: ValueError when a code comes twice, a parent is missing or the parents form a circle.
    """
    facts = read_toml("agencies.toml")
    areas = tuple(_areas(facts))
    agencies = (*_agencies(facts), *_groups(facts), *_branches(facts), *_district_units(facts))
    return _parents_first((*areas, *agencies))


@cache
def villages() -> tuple[Village, ...]:
    """The 267 kelurahan; a name means one village only, whatever the level it shares it with."""
    rows = [row for row in read_csv("jakarta_wilayah.csv") if row["level"] == "kelurahan"]
    return tuple(Village(row["code"], row["name"], row["parent_code"]) for row in rows)


@cache
def aliases() -> Mapping[str, str]:
    """Folded label -> code of the unit it means; each unit's own name is one.

    A bare area name that is a kecamatan's and a kelurahan's (Gambir, Senen ...) is left out: it says neither.

    Raises: ValueError when a label means two units.
    """
    return _by_label((unit.code, (unit.name, *unit.labels)) for unit in units())


@cache
def village_aliases() -> Mapping[str, str]:
    """Folded village name, bare or after its level -> Kemendagri code.

    Raises: ValueError when a name means two villages.
    """
    return _by_label((village.code, (village.name, *_with(_VILLAGE, village.name))) for village in villages())


@cache
def ancestors() -> Mapping[str, Mapping[str, int]]:
    """Unit code -> code of itself and of each unit above it over either parent -> the shortest way up, in steps."""
    above: dict[str, dict[str, int]] = {}
    for unit in units():
        ways = above[unit.code] = {unit.code: 0}
        for parent in unit.parents:
            for code, steps in above[parent].items():
                ways[code] = min(steps + 1, ways.get(code, steps + 1))
    return above


_VILLAGE = ("Kelurahan", "Kel")
_DISTRICT = ("Kecamatan", "Kec")


def _areas(facts: Mapping[str, Any]) -> Iterator[UnitSeed]:
    rows = read_csv("jakarta_wilayah.csv")
    cities = {city["code"]: city for city in facts["city"]}
    names = [fold_label(row["name"]) for row in rows]
    for row in rows:
        bare = (row["name"],) if names.count(fold_label(row["name"])) == 1 else ()
        match row["level"]:
            case "provinsi":
                province = facts["province"]
                labels = (row["name"], *province["aliases"])
                yield UnitSeed(province["code"], province["name"], "province", None, labels=labels)
            case "kota":
                city = cities[row["code"]]
                kind = "kabupaten" if city["formal"].startswith("Kabupaten") else "kota"
                labels = (*city["aliases"], *city["suffixes"])
                yield UnitSeed(row["code"], row["name"], kind, row["parent_code"], labels=labels)
            case "kecamatan":
                yield _area(row, _DISTRICT, bare)
            case "kelurahan":
                yield _area(row, _VILLAGE, bare)
            case level:
                raise ValueError(f"area {row['code']} has the unknown level {level}")


def _area(row: Mapping[str, str], prefixes: Sequence[str], bare: tuple[str, ...]) -> UnitSeed:
    name, *others = _with(prefixes, row["name"])
    return UnitSeed(row["code"], name, row["level"], row["parent_code"], labels=(*others, *bare))


def _agencies(facts: Mapping[str, Any]) -> Iterator[UnitSeed]:
    province, suffixes = facts["province"]["code"], facts["province"]["suffixes"]
    for unit in facts["unit"]:
        spellings = (unit["name"], *unit.get("aliases", ()))
        labels = (*spellings[1:], *_with(spellings, *suffixes), *_branches_without_city(facts, unit["code"]))
        yield UnitSeed(
            unit["code"], unit["name"], unit["type"], province, None, unit.get("is_validator", False), labels
        )


def _branches_without_city(facts: Mapping[str, Any], agency: str) -> Iterator[str]:
    # CRM cuts names: "SUKU DINAS BINA MARGA" leaves open which city's. The agency above knows, so it gets the work.
    for branch in facts["branch"]:
        if branch["parent"] == agency:
            yield from (branch["name"], *branch["short"])


def _groups(facts: Mapping[str, Any]) -> Iterator[UnitSeed]:
    for group in facts["group"]:
        for unit in group["units"]:
            labels = list(unit.get("aliases", ()))
            if spelling := group.get("spelled_out"):
                labels.append(unit["name"].replace(spelling["short"], spelling["long"]))
            yield UnitSeed(unit["code"], unit["name"], group["type"], group["parent"], labels=tuple(labels))


def _branches(facts: Mapping[str, Any]) -> Iterator[UnitSeed]:
    cities = {city["code"]: city for city in facts["city"]}
    for branch in facts["branch"]:
        for code in branch["cities"]:
            city = cities[code]
            labels = _with((branch["name"], *branch["short"]), city["formal"], *city["suffixes"])
            yield UnitSeed(
                f"{branch['code']}-{city['slug']}",
                f"{branch['name']} {city['formal']}",
                branch["type"],
                branch["parent"],
                code,
                labels=labels,
            )


def _district_units(facts: Mapping[str, Any]) -> Iterator[UnitSeed]:
    slugs = {city["code"]: city["slug"] for city in facts["city"]}
    districts = [row for row in read_csv("jakarta_wilayah.csv") if row["level"] == "kecamatan"]
    for kind in facts["district_unit"]:
        for row in districts:
            yield UnitSeed(
                f"{kind['code']}-{row['code']}",
                f"{kind['name']} {row['name']}",
                kind["type"],
                f"{kind['branch']}-{slugs[row['parent_code']]}",
                row["code"],
                labels=_with(kind["short"], row["name"]),
            )


def _with(prefixes: Iterable[str], *suffixes: str) -> tuple[str, ...]:
    return tuple(f"{prefix} {suffix}" for prefix in prefixes for suffix in suffixes)


def _by_label(entries: Iterable[tuple[str, Iterable[str]]]) -> dict[str, str]:
    meanings: dict[str, str] = {}
    for code, labels in entries:
        for label in labels:
            known = meanings.setdefault(fold_label(label), code)
            if known != code:
                raise ValueError(f"label {label!r} means both {known} and {code}")
    return meanings


def _parents_first(given: Sequence[UnitSeed]) -> tuple[UnitSeed, ...]:
    waiting = {unit.code: unit for unit in given}
    if len(waiting) != len(given):
        codes = [unit.code for unit in given]
        raise ValueError(f"unit codes that come twice: {sorted({code for code in codes if codes.count(code) > 1})}")
    ordered: dict[str, UnitSeed] = {}
    while waiting:
        ready = [unit for unit in waiting.values() if ordered.keys() >= set(unit.parents)]
        if not ready:
            raise ValueError(f"units whose parents are missing or form a circle: {sorted(waiting)}")
        ordered |= {unit.code: unit for unit in ready}
        for unit in ready:
            del waiting[unit.code]
    return tuple(ordered.values())
