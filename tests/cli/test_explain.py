"""`tanggap sla explain` on a complaint that crossed the holidays, and the document that shows what it prints."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.seed.rules import calendars
from app.sla.calendars import compile_calendar, parse_rules
from app.sla.clock import ClockEvent, EventKind, Target, TargetUnit, Terms, fold
from tests.nyepi import CODE, tell

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "sla.md"
WIB = ZoneInfo("Asia/Jakarta")
EXAMPLE = re.compile(r"^\| (\S+ \S+) \| (\d+) (\w+) \| (?:paused (\S+ \S+) to (\S+ \S+)|.*?) ?\| (\S+ \S+) \|$", re.M)
PRINTED = re.compile(r"```text\n\$ tanggap (.+)\n([^`]+)```")

one_engine = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=WIB)


@one_engine
async def test_the_document_shows_what_the_command_prints(tanggap, engine: AsyncEngine) -> None:
    await tell(engine)
    shown = PRINTED.findall(DOCUMENT.read_text(encoding="utf-8"))
    assert [command.split()[-1] for command, _ in shown] == ["id", "en"]
    for command, text in shown:
        ran = tanggap(*command.split())
        assert (ran.code, ran.err) == (0, "")
        assert ran.out == text


@pytest.mark.parametrize("row", EXAMPLE.findall(DOCUMENT.read_text(encoding="utf-8")), ids=" ".join)
def test_each_worked_example_of_the_document_holds(row: tuple[str, ...]) -> None:
    start, amount, unit, paused, resumed, due = row
    rules = next(seed.rules for seed in calendars() if seed.name == "asn-dki")
    events = [ClockEvent(at(start), EventKind.START)]
    if paused:
        events += [ClockEvent(at(paused), EventKind.PAUSE), ClockEvent(at(resumed), EventKind.RESUME)]
    terms = Terms(Target(TargetUnit(unit), int(amount)), compile_calendar(parse_rules(rules)))
    assert fold(events, terms, as_of=at("2026-12-31 00:00")).due_at == at(due)


def test_the_document_has_worked_examples_of_every_kind() -> None:
    rows = EXAMPLE.findall(DOCUMENT.read_text(encoding="utf-8"))
    assert {row[2] for row in rows} == {"working_minute", "working_day", "elapsed_minute"}
    assert sum(bool(row[3]) for row in rows) == 2


@one_engine
async def test_as_json_it_is_one_document_whose_rows_add_up(tanggap, engine: AsyncEngine) -> None:
    await tell(engine)
    document = tanggap("sla", "explain", CODE, "--clock", "resolve", "--lang", "en", "--json").document
    assert sum(row["counted_seconds"] for row in document["rows"]) == document["elapsed_seconds"] == 213_910
    assert document["policy"]["name"] == "sp4n.nonoversight"
    decrees = {row["source"] for row in document["rows"] if row["kind"] == "holiday"}
    assert decrees == {"SKB 3 Menteri 1497/2025, 2/2025 dan 5/2025"}
    assert len(document["hash"]) == 64


@one_engine
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("JK0",), 1, "no complaint"),
        ((CODE, "--clock", "update"), 1, "update"),
        ((CODE, "--clock", "resolve", "--cycle", "2"), 1, "no cycle 2"),
        ((CODE, "--policy", "atlantis"), 1, "atlantis"),
        ((CODE, "--lang", "fr"), 2, "'id', 'en'"),
        ((CODE, "--clock", "nap"), 2, "nap"),
        ((CODE, "--cycle", "0"), 2, "cycle"),
        ((), 2, "Usage"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
async def test_what_does_not_exist_is_said_in_one_line(tanggap, engine: AsyncEngine, arguments, code, words) -> None:
    await tell(engine)
    ran = tanggap("sla", "explain", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert words in ran.err
