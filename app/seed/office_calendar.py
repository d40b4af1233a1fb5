"""The office calendar of Jakarta's civil service; `python -m app.seed.office_calendar` writes it to standard output."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import date
from typing import Any

import holidays

from app.seed.files import read_toml

_ESTIMATED = " (perkiraan)"


def build_office_calendar() -> dict[str, Any]:
    """The rules in the JSON shape of a calendar: our hours and Ramadan ranges, the holidays of the package.

    Takes about half a second, so the result ships as a file. Collective leave (cuti bersama) is the package's
    category `government`; it must be asked for by name.
    """
    facts = read_toml("calendars/asn-dki.toml")
    return {
        "name": facts["name"],
        "timezone": facts["timezone"],
        "decreed_through": facts["decreed_through"].isoformat(),
        "week": facts["week"],
        "periods": [_period(facts, ramadan) for ramadan in facts["ramadan"]],
        "days": [_day(facts, day, name) for day, name in _holidays(facts)],
    }


def _period(facts: Mapping[str, Any], ramadan: Mapping[str, Any]) -> dict[str, Any]:
    period = {
        "name": ramadan["name"],
        "from": ramadan["from"].isoformat(),
        "to": ramadan["to"].isoformat(),
        "week": facts[ramadan["week"]],
        "source": ramadan["source"],
    }
    return period | ({"is_estimated": True} if ramadan.get("is_estimated") else {})


def _holidays(facts: Mapping[str, Any]) -> list[tuple[date, str]]:
    years = range(facts["first_year"], facts["last_year"] + 1)
    found = holidays.country_holidays("ID", years=years, categories=("public", "government"), language="id")
    return sorted(found.items())


def _day(facts: Mapping[str, Any], day: date, name: str) -> dict[str, Any]:
    iso = day.isoformat()
    source = facts["day_decrees"].get(iso) or facts["decrees"][str(day.year)]
    closed = {"date": iso, "hours": [], "name": name.removesuffix(_ESTIMATED), "source": source}
    return closed | ({"is_estimated": True} if name.endswith(_ESTIMATED) else {})


if __name__ == "__main__":
    sys.stdout.write(json.dumps(build_office_calendar(), ensure_ascii=False, indent=2) + "\n")
