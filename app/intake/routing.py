"""PURE: a source's unit label or village to our unit, or unrouted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.complaint.lifecycle import Status
from app.complaint.words import fold_label

LABEL_LENGTH = 200
"""The characters of a folded label that count."""

FRESH = frozenset({Status.RECEIVED, Status.UNKNOWN})
"""Statuses in which nobody has taken the complaint yet."""


@dataclass(frozen=True, slots=True)
class Village:
    """A kelurahan: the unit that serves it and its Kemendagri code."""

    unit_id: int
    code: str


@dataclass(frozen=True, slots=True)
class Directory:
    """The labels of units and the names of villages, folded."""

    labels: Mapping[str, int] = field(default_factory=dict)
    villages: Mapping[str, Village] = field(default_factory=dict)

    def unit(self, label: str | None) -> int | None:
        """The unit that a label means, None for one that means none (`KELURAHAN` alone, an unknown agency)."""
        return self.labels.get(fold_label(label)[:LABEL_LENGTH]) if label else None

    def village(self, name: str | None) -> Village | None:
        """The village of that name, with or without its level before it; names are unique inside Jakarta."""
        if not name:
            return None
        folded = fold_label(name)
        return self.villages.get(folded) or self.villages.get(folded.removeprefix("kelurahan"))


def route(directory: Directory, *, label: str | None, village: str | None, status: Status | None) -> int | None:
    """The unit that holds a complaint, None where nobody can tell.

    A complaint that nobody has taken lies with the kelurahan of its village, which receives every report with a place
    first; once the source says that somebody has handled it, it lies with the unit that the source names.
    Source: JAKI, the way of a complaint (Kompas, 2026-04-07).

    >>> places = Directory({"dinasbinamarga": 1}, {"petamburan": Village(2, "31.71.07.1001")})
    >>> [route(places, label="DINAS BINA MARGA", village="Petamburan", status=status)
    ...  for status in (Status.RECEIVED, Status.COORDINATING)]
    [2, 1]
    """
    place = directory.village(village)
    by_village = place.unit_id if place else None
    by_label = directory.unit(label)
    first, second = (by_village, by_label) if status is None or status in FRESH else (by_label, by_village)
    return first if first is not None else second
