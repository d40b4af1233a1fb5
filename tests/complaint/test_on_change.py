"""How a running cycle follows a new version of its policy: as if it had always been so, anew, or with what is left."""

from __future__ import annotations

from datetime import date

import pytest

from app.complaint.clocks import settle
from app.sla.clock import Target, TargetUnit
from app.sla.policy import OnChange
from tests.complaint.story import at, facts, fold, move, policy, reported, rulebook, told

NEW = reported("10 08:00")
DAY = 24 * 60


def respond(events, on_change, *, published="10 20:00", minutes=48 * 60):
    first = policy(1, "respond", DAY, published_at=at("01 00:00"))
    second = policy(
        2, "respond", minutes, policy=first.policy, version=2, on_change=on_change, published_at=at(published)
    )
    (row,) = [row for row in settle(fold(*events), facts(), rulebook([first, second]), {}) if row.clock == "respond"]
    return row


@pytest.mark.parametrize(
    ("on_change", "started", "due"),
    [
        (OnChange.RETROACTIVE, "10 08:00", "12 08:00"),
        (OnChange.RESTART, "10 20:00", "12 20:00"),
        # Twelve of the former 24 hours were left when the new version came.
        (OnChange.CARRY_REMAINING, "10 20:00", "11 08:00"),
    ],
)
def test_a_running_cycle_follows_as_the_version_says(on_change, started, due):
    row = respond([NEW], on_change)
    assert (told(row.started_at), told(row.due_at)) == (started, due)


@pytest.mark.parametrize("on_change", list(OnChange))
def test_a_cycle_that_starts_after_the_version_knows_no_other(on_change):
    row = respond([NEW], on_change, published="10 07:00")
    assert (told(row.started_at), told(row.due_at)) == ("10 08:00", "12 08:00")


def test_with_nothing_left_the_cycle_is_due_when_the_version_comes():
    row = respond([NEW], OnChange.CARRY_REMAINING, published="11 20:00")
    assert told(row.due_at) == "11 20:00"


def test_a_pause_that_is_on_goes_on_under_the_new_version():
    events = [NEW, move("10 09:00", "respond")]
    assert respond(events, OnChange.RESTART).state == "met"
    asked = [NEW, move("10 12:00", "ask_complainant"), move("11 12:00", "complainant_answered")]
    first = policy(1, "resolve", DAY, honours=frozenset({"awaiting_complainant"}), published_at=at("01 00:00"))
    second = policy(
        2, "resolve", DAY, policy=first.policy, version=2, on_change=OnChange.RESTART,
        honours=frozenset({"awaiting_complainant"}), published_at=at("10 20:00"),
    )  # fmt: skip
    rules = rulebook([first, second])
    (row,) = [row for row in settle(fold(*asked), facts(), rules, {}) if row.clock == "resolve"]
    # Sixteen hours of the pause lie after the new start.
    assert (told(row.started_at), row.paused_s, told(row.due_at)) == ("10 20:00", 16 * 3_600, "12 12:00")


def follow(*versions):
    """The row of `respond` under versions of one policy, each told by what is its own."""
    first = policy(1, "respond", DAY, published_at=at("01 00:00"))
    later = [
        policy(number, "respond", **{"minutes": DAY, "policy": first.policy, "version": number, **own})
        for number, own in enumerate(versions, start=2)
    ]
    (row,) = [row for row in settle(fold(NEW), facts(), rulebook([first, *later]), {}) if row.clock == "respond"]
    return row


def test_what_was_left_is_what_the_former_version_had_left_however_it_came_in_force():
    restart = {"on_change": OnChange.RESTART, "published_at": at("10 20:00"), "minutes": 48 * 60}
    carry = {"on_change": OnChange.CARRY_REMAINING, "published_at": at("11 08:00"), "minutes": 99 * 60}
    # Anew from 20:00 with two days, of which twelve hours are gone when the next version comes.
    assert told(follow(restart, carry).due_at) == "12 20:00"
    again = {**carry, "published_at": at("11 20:00"), "minutes": 5}
    assert told(follow(restart, carry, again).due_at) == "12 20:00"


def test_a_version_that_does_not_govern_the_cycle_yet_has_left_it_nothing():
    planned = {"effective_on": date(2026, 2, 1), "published_at": at("09 00:00"), "minutes": 1}
    carry = {"on_change": OnChange.CARRY_REMAINING, "published_at": at("10 20:00"), "minutes": 99 * 60}
    assert told(follow(planned, carry).due_at) == "11 08:00"


def test_what_was_left_is_counted_on_the_calendar_of_the_former_version():
    office = {"target": Target(TargetUnit.WORKING_MINUTE, 240), "calendar": "office", "published_at": at("09 00:00")}
    carry = {"on_change": OnChange.CARRY_REMAINING, "published_at": at("10 20:00"), "minutes": 1}
    # Nothing was open on Saturday the 10th, so four hours are left, and they run day and night from then on.
    assert told(follow(office, carry).due_at) == "11 00:00"


def test_the_first_version_of_a_policy_may_count_anew_too():
    first = policy(1, "respond", DAY, on_change=OnChange.RESTART, published_at=at("10 20:00"))
    (row,) = [row for row in settle(fold(NEW), facts(), rulebook([first]), {}) if row.clock == "respond"]
    assert (told(row.started_at), told(row.due_at)) == ("10 20:00", "11 20:00")


def test_a_version_that_brings_a_former_one_back_judges_as_that_one_did():
    restart = {"on_change": OnChange.RESTART, "published_at": at("10 20:00"), "minutes": 48 * 60}
    longer = {"published_at": at("10 22:00"), "minutes": 99 * 60}
    back = {**restart, "published_at": at("11 08:00"), "brings_back": 2}
    row = follow(restart, longer, back)
    assert (told(row.started_at), told(row.due_at), row.policy_version_id) == ("10 20:00", "12 20:00", 4)
