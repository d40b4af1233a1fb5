"""Files as three cities publish them: made up row by row in their shapes, and recounted by another database."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

FIGURES = ("received", "met", "missed", "running_overdue", "median_seconds", "p90_seconds", "mean_seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class City:
    """What the columns of one city's file mean, said a second time and without our profile."""

    profile: str
    root: str
    zone: str
    time: str
    id: str
    opened: str
    closed: str
    due: str
    status: str
    agency: str
    kind: str
    agencies: Sequence[str]
    closing: Sequence[str]
    cancelling: Sequence[str]
    running: Sequence[str]
    closes_on_days: bool = False
    is_due_on_days: bool = False


BOSTON = City(
    profile="boston311", root="us-boston", zone="America/New_York", time="%Y-%m-%d %H:%M:%S", id="case_enquiry_id",
    opened="open_dt", closed="closed_dt", due="target_dt", status="case_status", agency="department", kind="type",
    agencies=("PWDx", "BTDT", "ISD", ""), closing=("Closed",), cancelling=(), running=("Open",),
)  # fmt: skip
NEW_YORK = City(
    profile="nyc311", root="us-nyc", zone="America/New_York", time="%m/%d/%Y %I:%M:%S %p", id="Unique Key",
    opened="Created Date", closed="Closed Date", due="Due Date", status="Status", agency="Agency",
    kind="Complaint Type", agencies=("NYPD", "HPD", "DOT", "DSNY"), closing=("Closed",), cancelling=("Cancel",),
    running=("Open", "Assigned", "Pending"), closes_on_days=True, is_due_on_days=True,
)  # fmt: skip
LOS_ANGELES = City(
    profile="la311", root="us-la", zone="America/Los_Angeles", time="%m/%d/%y %H:%M", id="srnumber",
    opened="createddate", closed="closeddate", due="servicedate", status="status", agency="owner", kind="requesttype",
    agencies=("BOS", "OCB", "LADWP"), closing=("Closed", "Referred Out"), cancelling=("Cancelled",),
    running=("Open", "Pending"), is_due_on_days=True,
)  # fmt: skip


def make_file(city: City, file: Path, rows: int = 240) -> None:
    """A file of that city: late and early, without due time or closing, closed before it opened, by day alone."""
    chance = Random(city.profile)
    columns = (city.id, city.opened, city.closed, city.due, city.status, city.agency, city.kind)
    with file.open("w", newline="", encoding="utf-8") as text:
        writer = csv.writer(text)
        writer.writerow(columns)
        writer.writerows(_row(city, 90_000_001 + number, chance) for number in range(rows))


def _row(city: City, number: int, chance: Random) -> list[str]:
    # Noon to four, so that no time is one of those that a clock going back shows twice.
    opened = datetime(2023, 1, 1, 12, tzinfo=ZoneInfo(city.zone)) + timedelta(
        days=chance.randrange(120), minutes=chance.randrange(240)
    )
    status = chance.choice((*city.closing * 6, *city.cancelling, *city.running))
    closed = opened + timedelta(days=chance.choice((-2, 0, 0, 1, 3, 9, 30)), minutes=chance.randrange(60))
    due = opened + timedelta(days=chance.choice((-1, 0, 1, 5, 10)), minutes=chance.randrange(120))
    closes = status not in city.running and chance.random() < 0.95
    return [
        str(number),
        f"{opened:{city.time}}",
        f"{_day(closed, chance, is_day=city.closes_on_days):{city.time}}" if closes else "",
        f"{_day(due, chance, is_day=city.is_due_on_days):{city.time}}" if chance.random() < 0.8 else "",
        status,
        chance.choice(city.agencies),
        "Street light",
    ]


def _day(at: datetime, chance: Random, *, is_day: bool) -> datetime:
    return at.replace(hour=0, minute=0, second=0) if is_day and chance.random() < 0.4 else at


class Recount:
    """The figures of a file by what its columns say alone: nothing of ours but the zone of the months."""

    def __init__(self, city: City, file: Path) -> None:
        self._base = duckdb.connect()
        self._base.execute("SET TimeZone = 'Asia/Jakarta'")
        self._base.execute(_told(city, file))

    def months(self, most: int) -> list[str]:
        """The months in which the most was reported, due and closed."""
        found = self._base.execute(
            "SELECT strftime(moment, '%Y-%m') FROM (SELECT unnest([opened, due, closed]) AS moment FROM told)"
            " WHERE moment < now() GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT ?",
            [most],
        )
        return [row[0] for row in found.fetchall()]

    def figures(self, month: str) -> dict[str, dict[str, Any]]:
        """The figures of each agency, and under '' of all together."""
        first = date.fromisoformat(f"{month}-01")
        after = (first + timedelta(days=31)).replace(day=1)
        rows = self._base.execute(_FIGURES, {"first": first, "after": after}).fetchall()
        return {row[0] or "": dict(zip(FIGURES, row[1:], strict=True)) for row in rows}


def _told(city: City, file: Path) -> str:
    """Each row as instants; a day alone is its start, as a due time its end, and what precedes the opening is out."""
    closing, cancelling = (
        ", ".join(f"'{word}'" for word in words) or "''" for words in (city.closing, city.cancelling)
    )
    return f"""
        CREATE TABLE told AS
        WITH cell AS (
            SELECT upper(trim("{city.agency}")) AS agency, "{city.status}" AS word,
                strptime("{city.opened}", '{city.time}') AS o, strptime("{city.closed}", '{city.time}') AS c,
                strptime("{city.due}", '{city.time}') AS d
            FROM read_csv('{file}', header = true, all_varchar = true)
            WHERE "{city.agency}" IS NOT NULL
        ), day AS (
            SELECT *, {city.closes_on_days} AND c = date_trunc('day', c) AND c::date = o::date AS closed_that_day,
                CASE WHEN {city.is_due_on_days} AND d = date_trunc('day', d)
                    THEN d + INTERVAL '86399 seconds' ELSE d END AS due
            FROM cell
        )
        SELECT agency, word IN ({cancelling}) AS is_cancelled,
            word NOT IN ({closing}, {cancelling}) AS is_running,
            timezone('{city.zone}', o) AS opened,
            timezone('{city.zone}', CASE WHEN due >= o THEN due END) AS due,
            timezone('{city.zone}', CASE WHEN word NOT IN ({closing}) THEN NULL
                WHEN closed_that_day THEN greatest(c, o) WHEN c >= o THEN c END) AS closed
        FROM day"""


_FIGURES = """
    WITH span AS (
        SELECT *, epoch(closed) - epoch(opened) AS took_s,
            due >= $first::DATE::TIMESTAMPTZ AND due < least($after::DATE::TIMESTAMPTZ, now()) AS is_due,
            closed >= $first::DATE::TIMESTAMPTZ AND closed < $after::DATE::TIMESTAMPTZ AS is_closed
        FROM told
    )
    SELECT agency,
        count(*) FILTER (opened >= $first::DATE::TIMESTAMPTZ AND opened < $after::DATE::TIMESTAMPTZ),
        count(*) FILTER (is_due AND closed <= due),
        count(*) FILTER (is_due AND closed > due),
        count(*) FILTER (is_due AND is_running),
        quantile_cont(took_s, 0.5) FILTER (is_closed),
        quantile_cont(took_s, 0.9) FILTER (is_closed),
        avg(took_s) FILTER (is_closed)
    FROM span GROUP BY GROUPING SETS ((agency), ())"""
