"""A unit's label or a village to our unit."""

from __future__ import annotations

import pytest

from app.complaint.lifecycle import Status
from app.intake.routing import LABEL_LENGTH, Directory, Village, route

KELURAHAN, DINAS = 1, 2
PLACES = Directory(
    {"dinasbinamarga": DINAS, "x" * LABEL_LENGTH: 3}, {"petamburan": Village(KELURAHAN, "31.71.07.1001")}
)
BOTH = {"label": "Dinas Bina Marga", "village": "Petamburan"}


@pytest.mark.parametrize("status", list(Status), ids=str)
def test_only_what_nobody_has_taken_lies_with_its_kelurahan(status):
    expected = KELURAHAN if status in (Status.RECEIVED, Status.UNKNOWN) else DINAS
    assert route(PLACES, status=status, **BOTH) == expected


def test_without_a_status_it_is_fresh():
    assert route(PLACES, status=None, **BOTH) == KELURAHAN


@pytest.mark.parametrize("status", [Status.RECEIVED, Status.IN_PROGRESS], ids=str)
def test_the_one_that_is_known_serves_for_both(status):
    assert route(PLACES, label="DINAS BINA MARGA", village=None, status=status) == DINAS
    assert route(PLACES, label="Dinas Entah", village="petamburan", status=status) == KELURAHAN
    assert route(PLACES, label=None, village="Entah", status=status) is None


@pytest.mark.parametrize("name", ["Petamburan", " PETAMBURAN ", "Kelurahan Petamburan", "KEL. PETAMBURAN"])
def test_a_village_is_known_with_and_without_its_level(name):
    expected = None if name.startswith("KEL.") else "31.71.07.1001"
    village = PLACES.village(name)
    assert (village.code if village else None) == expected


def test_of_an_endless_label_the_beginning_counts():
    assert PLACES.unit("x" * 500) == 3
