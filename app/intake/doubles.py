"""PURE but for its measure of text: whether two complaints tell of one event, or of one trouble that comes back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from rapidfuzz import fuzz

from app.complaint.lifecycle import Status
from app.complaint.words import fold_word
from app.db.states import Relation

NEAR_M = 150
"""Metres within which two reports may tell of one event; telephones are not more exact in a street of high houses."""
SAME_PLACE_M = 50
SOON = timedelta(days=3)
AT_ONCE = timedelta(minutes=10)
COMES_BACK = timedelta(days=90)
"""How long after it was resolved the same trouble at the same place still counts as come back."""

_ALIKE, _ALIKE_ELSEWHERE_FILED = 55, 80
_SAME_SCORE = 100
_LEAST_TEXT = 8
_EARTH_M = 6_371_000.0


class Reason(StrEnum):
    """Why two complaints are probably one."""

    SAME_VILLAGE = "same_village"
    SAME_UNIT = "same_unit"
    SAME_CATEGORY = "same_category"
    SAME_TEXT = "same_text"
    TEXT_SIMILARITY = "text_similarity"
    METRES_APART = "metres_apart"
    MINUTES_APART = "minutes_apart"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is compared of a complaint."""

    id: int
    ticket_code: str | None
    reported_at: datetime
    status: Status
    closed_at: datetime | None
    category: str
    text: str
    village: str | None
    lat: float | None
    lng: float | None
    unit_id: int | None = None
    quotes: frozenset[str] = frozenset()

    @property
    def age(self) -> tuple[datetime, int]:
        """Which of two came first."""
        return self.reported_at, self.id


@dataclass(frozen=True, slots=True)
class Pair:
    """A later complaint and the earlier one that it belongs to; `relation` DUPLICATE is only a suggestion."""

    later: Told
    earlier: Told
    relation: Relation
    score: int
    reasons: Mapping[str, int]


def fold_text(text: str) -> str:
    """A text as it is compared: case, white space and signs do not count.

    >>> fold_text("Lampu  MATI, sejak kemarin!!")
    'lampu mati sejak kemarin'
    """
    return " ".join("".join(each if each.isalnum() else " " for each in fold_word(text)).split())


def compare(one: Told, other: Told) -> Pair | None:
    """What two complaints are to each other: nothing, a probable double, or a trouble that came back.

    A ticket that the later one quotes is known to belong to it already.
    """
    earlier, later = sorted((one, other), key=lambda each: each.age)
    if earlier.ticket_code is not None and earlier.ticket_code in later.quotes:
        return None
    distance = _metres(earlier, later)
    is_same_category = bool(later.category) and later.category == earlier.category
    if _came_back(earlier, later, distance, is_same_category=is_same_category):
        return Pair(later, earlier, Relation.REPEAT, _SAME_SCORE, {})
    apart = later.reported_at - earlier.reported_at
    if earlier.closed_at is not None and earlier.closed_at < later.reported_at:
        return None
    same_ground = _same_ground(earlier, later)
    if same_ground is not None and _is_told_twice(earlier, later) and apart <= AT_ONCE:
        return _double(later, earlier, _SAME_SCORE, {same_ground: 1, Reason.SAME_TEXT: 1}, distance)
    if distance is None or distance > NEAR_M or apart > SOON:
        return None
    similarity = _similarity(later.text, earlier.text)
    if similarity < (_ALIKE if is_same_category else _ALIKE_ELSEWHERE_FILED):
        return None
    score = round(0.5 * similarity + 30 * (1 - distance / NEAR_M) + 20 * (1 - apart / SOON))
    return _double(later, earlier, score, {Reason.TEXT_SIMILARITY: round(similarity)}, distance)


def _double(later: Told, earlier: Told, score: int, reasons: Mapping[Reason, int], distance: float | None) -> Pair:
    minutes = (later.reported_at - earlier.reported_at) // timedelta(minutes=1)
    told = {str(reason): value for reason, value in reasons.items()} | {str(Reason.MINUTES_APART): minutes}
    if distance is not None:
        told[str(Reason.METRES_APART)] = round(distance)
    if later.category and later.category == earlier.category:
        told[str(Reason.SAME_CATEGORY)] = 1
    return Pair(later, earlier, Relation.DUPLICATE, score, told)


def _came_back(earlier: Told, later: Told, distance: float | None, *, is_same_category: bool) -> bool:
    """Resolved, and then the same again at the same place."""
    if not is_same_category or distance is None or distance > SAME_PLACE_M:
        return False
    resolved_at = earlier.closed_at if earlier.status is Status.RESOLVED else None
    return resolved_at is not None and resolved_at < later.reported_at <= resolved_at + COMES_BACK


def _is_told_twice(earlier: Told, later: Told) -> bool:
    """In the same words and under the same category, be it none."""
    return later.category == earlier.category and len(later.text) >= _LEAST_TEXT and later.text == earlier.text


def _same_ground(earlier: Told, later: Told) -> Reason | None:
    """The village that both name, or the unit that both lie with where one of them names no village."""
    if later.village is not None and earlier.village is not None:
        return Reason.SAME_VILLAGE if later.village == earlier.village else None
    is_same_unit = later.unit_id is not None and later.unit_id == earlier.unit_id
    return Reason.SAME_UNIT if is_same_unit else None


def _similarity(one: str, other: str) -> float:
    """0 to 100: the words they share, and how much of them; a short text inside a long one is not the same text."""
    if min(len(one), len(other)) < _LEAST_TEXT:
        return 0.0
    return (fuzz.token_set_ratio(one, other) + fuzz.token_sort_ratio(one, other)) / 2


def _metres(one: Told, other: Told) -> float | None:
    """The distance between two places, exact enough for some hundred metres."""
    if one.lat is None or one.lng is None or other.lat is None or other.lng is None:
        return None
    north = math.radians(other.lat - one.lat)
    east = math.radians(other.lng - one.lng) * math.cos(math.radians((one.lat + other.lat) / 2))
    return _EARTH_M * math.hypot(north, east)
