"""What makes a picture doubtful, and that the index of likeness misses nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.complaint.evidence import (
    ALIKE,
    CLOCK_SLACK,
    EvidenceKind,
    Flag,
    Likeness,
    Place,
    Scene,
    Shot,
    Verdict,
    band_keys,
    difference,
    distance_m,
    judge,
    near_keys,
    telling,
)

REPORTED = datetime(2026, 1, 12, 8, tzinfo=UTC)
UPLOADED = REPORTED + timedelta(days=1)
HALL = Place(-6.1754, 106.8272)
SECOND = timedelta(seconds=1)


def shot(kind: EvidenceKind = EvidenceKind.AFTER, taken_at: datetime | None = None, place: Place | None = None) -> Shot:
    return Shot(complaint_id=1, kind=kind, uploaded_at=UPLOADED, taken_at=taken_at, place=place, has_exif=True)


def like(complaint_id: int, kind: EvidenceKind, verdict: Verdict | None = None, distance: int = 0) -> Likeness:
    return Likeness(evidence_id=9, complaint_id=complaint_id, kind=kind, verdict=verdict, distance=distance)


@pytest.mark.parametrize(
    ("picture", "flags"),
    [
        (shot(), []),
        (shot(taken_at=REPORTED), []),
        (shot(taken_at=REPORTED - SECOND), [Flag.TAKEN_BEFORE_REPORT]),
        (shot(EvidenceKind.BEFORE, REPORTED - SECOND), []),
        (shot(taken_at=UPLOADED + CLOCK_SLACK), []),
        (shot(taken_at=UPLOADED + CLOCK_SLACK + SECOND), [Flag.TAKEN_AFTER_UPLOAD]),
        (shot(EvidenceKind.BEFORE, UPLOADED + CLOCK_SLACK + SECOND), [Flag.TAKEN_AFTER_UPLOAD]),
        (shot(place=Place(-6.1754, 106.8317)), []),
        (shot(place=Place(-6.1754, 106.8318)), [Flag.FAR_AWAY]),
    ],
)
def test_time_and_place_make_a_picture_doubtful(picture: Shot, flags: list[Flag]) -> None:
    assert list(judge(picture, Scene(reported_at=REPORTED, place=HALL, far_m=500))) == flags


def test_a_complaint_without_a_place_has_no_picture_from_far_away() -> None:
    assert judge(shot(place=HALL), Scene(reported_at=REPORTED, place=None, far_m=500)) == ()


@pytest.mark.parametrize(
    ("other", "flag"),
    [
        (like(2, EvidenceKind.AFTER), Flag.SAME_AS_OTHER_COMPLAINT),
        (like(2, EvidenceKind.BEFORE), Flag.SAME_AS_OTHER_COMPLAINT),
        (like(1, EvidenceKind.BEFORE), Flag.SAME_AS_COMPLAINANT),
        (like(1, EvidenceKind.AFTER, Verdict.REFUSED), Flag.SAME_AS_REFUSED),
        (like(1, EvidenceKind.AFTER, Verdict.ACCEPTED), None),
        (like(1, EvidenceKind.AFTER), None),
    ],
)
def test_it_matters_whose_picture_looks_the_same(other: Likeness, flag: Flag | None) -> None:
    scene = Scene(reported_at=REPORTED, place=None, far_m=500)
    assert list(judge(shot(), scene, [other])) == ([flag] if flag else [])
    assert telling(shot(), [other]) == ([other] if flag else [])


def test_the_nearest_likeness_comes_first() -> None:
    far, near = like(2, EvidenceKind.AFTER, distance=5), like(3, EvidenceKind.AFTER, distance=1)
    assert telling(shot(), [far, near]) == [near, far]


@given(st.integers(0, 2**64 - 1), st.sets(st.integers(0, 63), max_size=ALIKE))
def test_every_hash_within_reach_shares_a_key(number: int, flipped: set[int]) -> None:
    other = number
    for bit in flipped:
        other ^= 1 << bit
    one, two = f"{number:016x}", f"{other:016x}"
    assert difference(one, two) == len(flipped)
    assert set(near_keys(one)) & set(band_keys(two))


def test_a_part_is_found_in_its_own_place_only() -> None:
    assert not set(band_keys("0000000000001234")) & set(band_keys("1234000000000000")) - set(band_keys("0" * 16))


def test_distances_are_those_of_the_map() -> None:
    monas, bandung = Place(-6.1754, 106.8272), Place(-6.9175, 107.6191)
    assert distance_m(monas, bandung) == pytest.approx(120_000, rel=0.02)
    assert distance_m(Place(0, 179.9), Place(0, -179.9)) == pytest.approx(22_239, rel=0.01)
    assert distance_m(monas, None) is None
