"""Files become rows keyed by header: CSV, TSV, JSON lines and workbooks, whatever the file is called."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain, islice
from typing import TextIO

from connectors import reading
from connectors.contract import Raw, Reject, SourceUnavailable, UnexpectedPayload, fold_word
from connectors.spreadsheet.packing import DAMAGED, File, opened, opened_text
from connectors.spreadsheet.profile import Profile
from connectors.spreadsheet.workbook import is_workbook, workbook_sheets

Item = Raw | Reject
Row = Sequence[object] | Reject

_DELIMITERS = (",", "\t", ";", "|")
_HEADER_ROWS = 50
_LINE_LIMIT = 4 * 1024 * 1024


@contextmanager
def open_items(file: File, profile: Profile, delimiter: str | None = None) -> Iterator[Iterator[Item]]:
    """The rows of a file in order: a dictionary by header, or a reject for a row that has not the header's shape.

    Raises: UnexpectedPayload for a file that is not of this profile's kind, is encrypted or too large;
    SourceUnavailable for one that is damaged, cut off or not there.
    """
    with opened(file) as stream:
        if is_workbook(stream):
            yield _below_header(workbook_sheets(stream), profile)
            return
    with opened_text(file, fallback=profile.encoding) as text:
        yield _whole(_text_items(text, profile, delimiter or profile.delimiter))


def _whole(items: Iterator[Item]) -> Iterator[Item]:
    try:
        yield from items
    except (*DAMAGED, UnicodeDecodeError) as error:
        raise SourceUnavailable("the file is damaged, cut off or changed while it was read") from error


def _text_items(text: TextIO, profile: Profile, delimiter: str | None) -> Iterator[Item]:
    lines = _lines(text, profile.comment)
    start = list(islice(lines, _HEADER_ROWS))
    whole = chain(start, lines)
    if next((line for line in start if line.strip()), "").lstrip().startswith("{"):
        yield from _json_items(whole)
        return
    yield from _below_header([_rows(whole, delimiter or _sniff(start, profile))], profile)


def _lines(text: TextIO, comment: str | None) -> Iterator[str]:
    """The lines, whichever way they end, without comment lines; one without end comes in pieces."""
    lines = iter(partial(text.readline, _LINE_LIMIT), "")
    return (line for line in lines if not (comment and line.startswith(comment)))


def _json_items(lines: Iterable[str]) -> Iterator[Item]:
    for line in lines:
        if not line.strip():
            continue
        try:
            value = reading.json_value(line)
        except (ValueError, RecursionError):
            value = None
        yield value if isinstance(value, dict) else Reject({"text": line.rstrip()}, "the line is not a JSON object")


def _sniff(start: list[str], profile: Profile) -> str:
    """The delimiter with which a header of the profile's columns is found; a comma where there is none."""
    fitting = (one for one in _DELIMITERS if _header_index(list(_rows(start, one)), profile) is not None)
    return next(fitting, ",")


def _rows(lines: Iterable[str], delimiter: str) -> Iterator[Row]:
    """The rows of a CSV text; what cannot be parsed, such as a quoted cell that never ends, is a reject."""
    kept: list[str] = []

    def remembered() -> Iterator[str]:
        for line in lines:
            kept.append(line)
            yield line

    reader = csv.reader(remembered(), delimiter=delimiter)
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Reject({"text": "".join(kept)}, f"the row cannot be read: {error}")
        kept.clear()


def _below_header(tables: Iterable[Iterator[Row]], profile: Profile) -> Iterator[Item]:
    """The rows below the header, in the first table that has one within its first rows."""
    missing: set[str] = set(profile.columns.required)
    for rows in tables:
        start = list(islice(rows, _HEADER_ROWS))
        index = _header_index(start, profile)
        if index is not None:
            header = _names(_cells(start[index]), profile)
            yield from (item for row in chain(start[index + 1 :], rows) if (item := _keyed(row, header)) is not None)
            return
        missing = min([missing, *(_missing(row, profile) for row in start)], key=len)
    raise UnexpectedPayload(f"the file has no header with {', '.join(sorted(missing))}, as {profile.title} has")


def _header_index(rows: Sequence[Row], profile: Profile) -> int | None:
    return next((index for index, row in enumerate(rows) if not _missing(row, profile)), None)


def _missing(row: Row, profile: Profile) -> set[str]:
    found = {fold_word(str(cell)) for cell in _cells(row)}
    return {name for name in profile.columns.required if fold_word(name) not in found}


def _cells(row: Row) -> list[object]:
    return [] if isinstance(row, Reject) else list(row)


def _names(cells: list[object], profile: Profile) -> list[str]:
    """The header with the profile's own spelling; a column without a name gets its number, a second one of a name
    says so. Trailing columns without a name do not count."""
    spelling = {fold_word(name): name for name in profile.columns.named()}
    names: list[str] = []
    for number, cell in enumerate(cells, start=1):
        name = (reading.plain(cell) or "").strip()
        name = spelling.get(fold_word(name), name) or f"column {number}"
        names.append(name if name not in names else f"{name} ({number})")
    while cells and _is_blank(cells[-1]):
        cells, names = cells[:-1], names[:-1]
    return names


def _keyed(row: Row, header: list[str]) -> Item | None:
    """The row by header; None for an empty one."""
    if isinstance(row, Reject):
        return row
    cells = list(row)
    if all(map(_is_blank, cells)):
        return None
    while len(cells) > len(header) and _is_blank(cells[-1]):
        cells.pop()
    if len(cells) != len(header):
        return Reject({"cells": cells}, f"the row has {len(cells)} cells where the header has {len(header)}")
    return dict(zip(header, cells, strict=True))


def _is_blank(cell: object) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())
