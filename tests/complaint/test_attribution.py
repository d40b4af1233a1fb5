"""Whose time the citizen's wait was: each second has one holder, and all of them add up to the wait."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given as over
from hypothesis import strategies as st

from app.complaint.attribution import Attribution, Holder, attribute, held_seconds
from app.complaint.events import CaseEvent, EventKind, Timing
from app.complaint.history import Case, fold_case
from app.complaint.lifecycle import OPEN, TERMINAL, Move, Status, legal_moves
from tests.complaint.story import BIRO, CRM, JAKI, KELURAHAN, SUDIN, at, first_look, given, look, move, reported, word

HOUR = timedelta(hours=1)
NEW = reported("12 08:00")
TAKEN = (NEW, given("12 08:00", KELURAHAN))


def wait(*events: CaseEvent, received: str = "12 08:00", as_of: str = "20 08:00") -> Attribution:
    found = attribute(fold_case(events), events, received_at=at(received), as_of=at(as_of))
    assert sum(total.seconds for total in found.totals) == found.wait_s
    return found


def hours(*events: CaseEvent, **when: str) -> list[tuple[str, int | None, float]]:
    """What each holder has, in hours."""
    return [(str(each.holder), each.unit_id, each.seconds / 3600) for each in wait(*events, **when).totals]


def test_a_wait_is_the_units_from_hand_to_hand() -> None:
    events = (*TAKEN, given("12 10:00", SUDIN), move("12 15:00", Move.ACCEPT), word("13 08:00", "resolved"))
    assert hours(*events) == [("unit", KELURAHAN, 2), ("unit", SUDIN, 22)]


def test_what_no_unit_has_is_unrouted() -> None:
    assert hours(NEW, given("12 11:00", SUDIN), as_of="12 12:00") == [("unrouted", None, 3), ("unit", SUDIN, 1)]


def test_a_unit_that_gets_it_back_has_one_total_and_two_shares() -> None:
    found = wait(*TAKEN, given("12 09:00", SUDIN), given("12 12:00", KELURAHAN), as_of="12 13:00")
    assert [each.unit_id for each in found.shares] == [KELURAHAN, SUDIN, KELURAHAN]
    assert [(each.unit_id, each.seconds / 3600) for each in found.totals] == [(KELURAHAN, 2), (SUDIN, 3)]


def test_the_time_that_the_complainant_takes_to_answer_is_theirs() -> None:
    events = (
        *TAKEN,
        move("12 09:00", Move.ASK_COMPLAINANT),
        move("12 14:00", Move.COMPLAINANT_ANSWERED),
        move("12 15:00", Move.SUBMIT),
        move("12 16:00", Move.APPROVE),
    )
    assert hours(*events) == [("unit", KELURAHAN, 3), ("complainant", None, 5)]
    assert hours(*events[:3], as_of="12 10:00") == [("unit", KELURAHAN, 1), ("complainant", None, 1)]


def test_validation_and_a_promised_date_stay_with_the_unit() -> None:
    events = (*TAKEN, move("12 09:00", Move.ACCEPT), move("12 10:00", Move.SCHEDULE, promised_at=at("20 08:00")))
    assert hours(*events, move("13 08:00", Move.SUBMIT), as_of="14 08:00") == [("unit", KELURAHAN, 48)]


# --- the source's delay ---


@pytest.mark.parametrize(
    ("received", "later", "delay"),
    [
        ("12 08:00", (), 0),
        ("12 11:00", (), 3),
        ("12 07:00", (), 0),
        ("13 08:00", (word("12 10:00", "in_progress"),), 2),
        ("12 10:00", (word("12 12:00", "in_progress"),), 2),
        ("13 08:00", (given("12 09:00", SUDIN),), 1),
        ("13 08:00", (word("12 08:00", "received"),), 24),
        ("13 08:00", (look("12 08:00", "13 08:00", "in_progress"),), 24),
        ("13 08:00", (first_look("12 08:00", "13 08:00", "in_progress"),), 24),
    ],
)
def test_a_unit_is_not_charged_for_what_the_source_had_not_told(received, later, delay) -> None:
    found = wait(*TAKEN, *later, received=received, as_of="13 08:00")
    shares = [each.seconds / 3600 for each in found.shares if each.holder is Holder.SOURCE_DELAY]
    assert shares == ([delay] if delay else [])
    assert found.wait_s == 24 * 3600


def test_what_an_officer_takes_in_has_no_delay() -> None:
    walk_in = CaseEvent(
        kind=EventKind.REPORTED, occurred_at=at("12 08:00"), recorded_at=at("12 15:00"), key="r", actor_id=7
    )
    assert hours(walk_in, received="12 15:00", as_of="12 16:00") == [("unrouted", None, 8)]


# --- closings ---


def test_closed_time_is_nobodys() -> None:
    events = (*TAKEN, word("12 10:00", "resolved"), move("14 10:00", Move.REOPEN), word("14 12:00", "resolved"))
    found = wait(*events)
    assert [(each.unit_id, each.seconds / 3600) for each in found.shares] == [(KELURAHAN, 2), (KELURAHAN, 2)]
    assert found.wait_s == 4 * 3600
    assert wait(*events, as_of="13 10:00").wait_s == 2 * 3600


def test_a_closing_that_work_goes_on_over_never_was() -> None:
    events = (*TAKEN, word("12 10:00", "resolved"), move("12 14:00", Move.ACCEPT))
    assert hours(*events, as_of="12 16:00") == [("unit", KELURAHAN, 8)]


def test_a_second_closing_changes_nothing() -> None:
    assert hours(*TAKEN, word("12 10:00", "resolved"), word("13 10:00", "rejected")) == [("unit", KELURAHAN, 2)]


def test_a_wait_that_has_not_begun_is_empty() -> None:
    assert wait(*TAKEN, as_of="12 07:00") == Attribution((), 0)
    assert wait(NEW, word("12 08:00", "resolved")) == Attribution((), 0)


def test_fractions_of_a_second_are_lost_at_the_edges_alone() -> None:
    events = (NEW, given("12 11:00", SUDIN))
    found = attribute(
        fold_case(events),
        events,
        received_at=at("12 09:00") + timedelta(microseconds=999_999),
        as_of=at("12 12:00") + timedelta(microseconds=1),
    )
    assert [each.seconds for each in found.totals] == [3600, 7200, 3600]


# --- random histories ---

WORDS = tuple(Status)
READABLE = tuple(status for status in Status if status is not Status.UNKNOWN)


def step(kind: str, hour: int, choice: int, case: Case) -> CaseEvent:
    """One random entry; moves are legal where the case stands."""
    when = f"{12 + hour // 24} {hour % 24}:00"
    if kind == "move":
        legal = [each for each in legal_moves(case.status) if each is not Move.REOPEN] or [Move.REOPEN]
        name = legal[choice % len(legal)]
        return move(when, name, unit_id=(SUDIN, BIRO, KELURAHAN)[choice % 3] if name is Move.FORWARD else None)
    if kind == "give":
        return given(when, (KELURAHAN, SUDIN)[choice % 2], JAKI if choice % 3 else CRM)
    if kind == "look":
        return look("12 08:00", when, WORDS[choice % len(WORDS)])
    return word(when, READABLE[choice % len(READABLE)], JAKI if choice % 2 else CRM)


@st.composite
def histories(draw: st.DrawFn, kinds: Sequence[str] = ("move", "give", "word")) -> list[CaseEvent]:
    events = [NEW]
    for hour in sorted(draw(st.sets(st.integers(9, 80), max_size=14))):
        kind, choice = draw(st.sampled_from(kinds)), draw(st.integers(0, 59))
        events.append(step(kind, hour, choice, fold_case(events)))
    return events


def shares_touch(found: Attribution) -> None:
    assert all(share.from_at < share.to_at for share in found.shares)
    assert all(before.to_at <= after.from_at for before, after in pairwise(found.shares))
    assert sum(share.seconds for share in found.shares) == found.wait_s == sum(each.seconds for each in found.totals)
    assert all((share.holder is Holder.UNIT) == (share.unit_id is not None) for share in found.shares)


@over(histories(("move", "give", "word", "look")), st.integers(0, 100), st.integers(0, 100), st.randoms())
def test_the_shares_of_any_history_add_up_to_the_wait(events, received, later, random) -> None:
    random.shuffle(events)
    case, as_of = fold_case(events), at("12 08:00") + received * HOUR + later * HOUR
    found = attribute(case, events, received_at=at("12 08:00") + received * HOUR, as_of=as_of)
    shares_touch(found)
    closed_s = sum(
        ((min(each.reopened_at or as_of, as_of) - min(each.closed_at, as_of)) for each in case.closures), timedelta()
    )
    assert found.wait_s == (as_of - case.reported_at - closed_s).total_seconds()


def holder_at(events: Sequence[CaseEvent], instant: datetime) -> tuple[Holder, int | None] | None:
    """Who holds it, by a history that ends there; None while it is closed."""
    case = fold_case([event for event in events if event.occurred_at <= instant])
    if case.status in TERMINAL:
        return None
    if case.status is Status.AWAITING_COMPLAINANT:
        return Holder.COMPLAINANT, None
    return (Holder.UNROUTED, None) if case.unit_id is None else (Holder.UNIT, case.unit_id)


def walked(events: Sequence[CaseEvent], as_of: datetime) -> Iterator[tuple[Holder, int | None]]:
    """The holder of each half hour of the wait."""
    instant = events[0].occurred_at
    while instant < as_of:
        held = holder_at(events, instant)
        if held is not None:
            yield held
        instant += HOUR / 2


def takes_back_an_end(events: Sequence[CaseEvent]) -> bool:
    """A move on what a source has closed takes the end back, which a history that stops before it cannot show."""
    ends = (event for event in events if event.kind is EventKind.MOVE and event.move is not Move.REOPEN)
    return any(fold_case([e for e in events if e.occurred_at < end.occurred_at]).status not in OPEN for end in ends)


@over(histories())
def test_the_shares_of_any_history_are_those_of_a_walk_through_it(events) -> None:
    as_of = at("16 08:00")
    assert not takes_back_an_end(events)
    assert all(event.timing is Timing.DATED for event in events)
    found = attribute(fold_case(events), events, received_at=at("12 08:00"), as_of=as_of)
    shares_touch(found)
    steps = list(walked(events, as_of))
    assert found.wait_s == len(steps) * 1800
    assert {(each.holder, each.unit_id): each.seconds for each in found.totals} == {
        held: steps.count(held) * 1800 for held in steps
    }


# --- what stints hold ---


def test_a_stint_holds_what_is_its_units_own_once_it_has_ended() -> None:
    events = (
        *TAKEN,
        move("12 10:00", Move.ASK_COMPLAINANT),
        move("12 13:00", Move.COMPLAINANT_ANSWERED),
        move("12 14:00", Move.FORWARD, unit_id=SUDIN),
    )
    assert held_seconds(fold_case(events), events, received_at=at("12 09:00")) == (2 * 3600, None)
    closed = (*events, word("13 00:00", "resolved"))
    assert held_seconds(fold_case(closed), closed, received_at=at("12 09:00")) == (2 * 3600, 10 * 3600)


def test_a_closing_that_work_goes_on_over_leaves_its_time_with_the_stint_before() -> None:
    events = (*TAKEN, word("12 10:00", "resolved"), move("12 14:00", Move.ACCEPT), word("12 15:00", "resolved"))
    assert held_seconds(fold_case(events), events, received_at=at("12 08:00")) == (6 * 3600, 3600)


@over(histories(("move", "give", "word", "look")), st.integers(0, 60))
def test_the_stints_of_a_closed_complaint_hold_all_that_is_its_units(events, received) -> None:
    case, received_at = fold_case(events), at("12 08:00") + received * HOUR
    held = held_seconds(case, events, received_at=received_at)
    assert [each is None for each in held] == [stint.ended_at is None for stint in case.stints]
    if case.stints and None not in held:
        found = attribute(case, events, received_at=received_at, as_of=at("17 08:00"))
        units_s = sum(each.seconds for each in found.totals if each.holder is Holder.UNIT)
        assert sum(each for each in held if each is not None) == units_s
