"""What a photograph proves and what it does not: its kind, its integrity flags, the likeness of two pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import asin, cos, radians, sin, sqrt

ALIKE = 6
"""Bits of 64 in which the hashes of two pictures may differ and still be one picture, saved or cropped anew."""

CLOCK_SLACK = timedelta(minutes=5)
"""How far a camera's clock may run ahead of ours."""

_EARTH_M = 6_371_000
_BANDS, _BAND_BITS = 4, 16


class EvidenceKind(StrEnum):
    """What a picture shows: the trouble, or the work done."""

    BEFORE = "before"
    AFTER = "after"


class Verdict(StrEnum):
    """What whoever looked at a picture says of it as proof."""

    ACCEPTED = "accepted"
    REFUSED = "refused"


class Flag(StrEnum):
    """Why a picture wants a second look; none of these proves anything by itself."""

    NO_EXIF = "no_exif"
    TAKEN_BEFORE_REPORT = "taken_before_report"
    TAKEN_AFTER_UPLOAD = "taken_after_upload"
    FAR_AWAY = "far_away"
    SAME_AS_OTHER_COMPLAINT = "same_as_other_complaint"
    SAME_AS_COMPLAINANT = "same_as_complainant"
    SAME_AS_REFUSED = "same_as_refused"


@dataclass(frozen=True, slots=True)
class Place:
    """A point on the map, in degrees."""

    lat: float
    lng: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """What is known of a picture: `has_exif` says whether its own file told when or where it was taken."""

    complaint_id: int
    kind: EvidenceKind
    uploaded_at: datetime
    taken_at: datetime | None
    place: Place | None
    has_exif: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What is known of the complaint; a picture from beyond `far_m` metres is far away."""

    reported_at: datetime
    place: Place | None
    far_m: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """An earlier picture that looks the same, `distance` bits apart."""

    evidence_id: int
    complaint_id: int
    kind: EvidenceKind
    verdict: Verdict | None
    distance: int


def judge(shot: Shot, scene: Scene, likenesses: Sequence[Likeness] = ()) -> tuple[Flag, ...]:
    """The flags of a picture, in the order of `Flag`.

    A `before` picture may well be older than the report. Pictures of the work cannot; nor may one equal the picture
    of the trouble, nor one that was refused before.

    >>> from datetime import UTC
    >>> at = datetime(2026, 1, 12, 8, tzinfo=UTC)
    >>> shot = Shot(complaint_id=1, kind=EvidenceKind.AFTER, uploaded_at=at, taken_at=None, place=None, has_exif=False)
    >>> [str(flag) for flag in judge(shot, Scene(reported_at=at, place=None, far_m=500))]
    ['no_exif']
    """
    found = {_relation(shot, each) for each in likenesses}
    if not shot.has_exif:
        found.add(Flag.NO_EXIF)
    if shot.taken_at is not None:
        if shot.kind is EvidenceKind.AFTER and shot.taken_at < scene.reported_at:
            found.add(Flag.TAKEN_BEFORE_REPORT)
        if shot.taken_at > shot.uploaded_at + CLOCK_SLACK:
            found.add(Flag.TAKEN_AFTER_UPLOAD)
    away = distance_m(shot.place, scene.place)
    if away is not None and away > scene.far_m:
        found.add(Flag.FAR_AWAY)
    return tuple(flag for flag in Flag if flag in found)


def telling(shot: Shot, likenesses: Sequence[Likeness]) -> list[Likeness]:
    """The likenesses that mean something, the nearest first: several pictures of one work may well look alike."""
    return sorted((each for each in likenesses if _relation(shot, each)), key=lambda each: each.distance)


def _relation(shot: Shot, other: Likeness) -> Flag | None:
    if other.complaint_id != shot.complaint_id:
        return Flag.SAME_AS_OTHER_COMPLAINT
    if other.kind is not shot.kind:
        return Flag.SAME_AS_COMPLAINANT
    return Flag.SAME_AS_REFUSED if other.verdict is Verdict.REFUSED else None


def distance_m(one: Place | None, other: Place | None) -> int | None:
    """Metres between two places along the ground; None where one is unknown.

    >>> distance_m(Place(-6.1754, 106.8272), Place(-6.1754, 106.8317))
    497
    """
    if one is None or other is None:
        return None
    lat, other_lat = radians(one.lat), radians(other.lat)
    half_way = sin((other_lat - lat) / 2) ** 2
    half_way += cos(lat) * cos(other_lat) * sin(radians(other.lng - one.lng) / 2) ** 2
    return int(2 * _EARTH_M * asin(sqrt(min(half_way, 1.0))))


def difference(one: str, other: str) -> int:
    """The bits in which two hashes (16 hexadecimal digits) differ.

    >>> difference("00000000000000ff", "00000000000000f0")
    4
    """
    return (int(one, 16) ^ int(other, 16)).bit_count()


def band_keys(perceptual_hash: str) -> list[int]:
    """The four parts of a hash as numbers that tell which part they are: what an index holds of it."""
    number = int(perceptual_hash, 16)
    mask = (1 << _BAND_BITS) - 1
    return [band << _BAND_BITS | (number >> (band * _BAND_BITS)) & mask for band in range(_BANDS)]


def near_keys(perceptual_hash: str) -> list[int]:
    """The keys under which every hash within `ALIKE` bits is found.

    Of seven differences or fewer one of the four parts has at most one, so the part itself and its sixteen
    neighbours are enough.

    >>> len(near_keys("0123456789abcdef"))
    68
    """
    return [near for key in band_keys(perceptual_hash) for near in _neighbours(key)]


def _neighbours(key: int) -> Iterator[int]:
    yield key
    yield from (key ^ (1 << bit) for bit in range(_BAND_BITS))
