"""The rows of a clock's account summed up by what they were, and as a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta, tzinfo

from app.sla.explain import Row, RowKind, row_note
from app.sla.speech import Speech
from app.workqueue.catalogue import TEXTS
from app.workqueue.explaining import Account

_SECOND = timedelta(seconds=1)
_KINDS = {RowKind.PAUSED: "pause", RowKind.HOLIDAY: "holiday"}
_ORDER = ("open", "pause", "break", "night", "weekend", "holiday", "rest")


def parts_of(rows: Iterable[Row]) -> dict[str, int]:
    """Wall-clock seconds by what they were; together all that lies between start and stop.

    `rest` is what a summed-up row leaves uncounted.
    """
    parts = dict.fromkeys(_ORDER, 0)
    for row in rows:
        wall_s = (row.to_at - row.from_at) // _SECOND
        parts["open"] += row.counted_s
        if row.kind in (RowKind.OPEN, RowKind.AFTER_DUE):
            parts["rest"] += wall_s - row.counted_s
        else:
            parts[_KINDS.get(row.kind, row.note.key)] += wall_s
    return parts


def named_days(rows: Iterable[Row], zone: tzinfo) -> Iterator[tuple[Row, date, date]]:
    """Rows with the local dates from first to last; rows of one name that follow each other are one."""
    held: tuple[Row, date, date] | None = None
    for row in rows:
        first, last = _date(row.from_at, zone), _date(row.to_at - timedelta(microseconds=1), zone)
        if held is not None and (held[0].note.name, held[0].source) == (row.note.name, row.source):
            held = held[0], held[1], last
            continue
        if held is not None:
            yield held
        held = row, first, last
    if held is not None:
        yield held


def table(account: Account, language: str) -> str:
    """The rows with local times, their sum, the decrees behind their hours, and the fingerprint of the inputs."""
    words = TEXTS[language]
    speech = Speech(language, account.zone)
    sources = list(dict.fromkeys(row.source for row in account.rows if row.source))
    counted_s = sum(row.counted_s for row in account.rows)
    lines = [(words["from"], words["to"], words["counted"], words["note"])]
    lines += [_line(row, sources, speech) for row in account.rows]
    lines.append((words["total"], "", _clock_face(counted_s), words["seconds"].format(seconds=counted_s)))
    foot = [f"[{number}] {source}" for number, source in enumerate(sources, start=1)]
    return "\n".join([*_aligned(lines), *foot, words["fingerprint"].format(hash=account.hash)])


def _line(row: Row, sources: Sequence[str], speech: Speech) -> tuple[str, str, str, str]:
    decree = f" [{sources.index(row.source) + 1}]" if row.source else ""
    note = row_note(row, speech.language, speech.zone) + decree
    return speech.moment(row.from_at), speech.moment(row.to_at), _clock_face(row.counted_s), note


def _aligned(lines: Sequence[tuple[str, str, str, str]]) -> Iterator[str]:
    first, second, third = (max(len(line[column]) for line in lines) for column in range(3))
    for begins, ends, counted, note in lines:
        yield f"{begins:<{first}}  {ends:<{second}}  {counted:>{third}}  {note}"


def _clock_face(seconds: int) -> str:
    """Hours, minutes, seconds: `31:05:00`."""
    minutes, second = divmod(seconds, 60)
    return f"{minutes // 60}:{minutes % 60:02}:{second:02}"


def _date(at: datetime, zone: tzinfo) -> date:
    return at.astimezone(zone).date()
