"""CSV answers: when a caller wants one, and cells that no spreadsheet takes for a formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from fastapi import Depends, Query, Request, Response

from app.dependencies import wished

Cell = str | int | float | None

_MEDIA_TYPES = ("text/csv", "application/json", "*/*")
_FORMULA = re.compile(r"^(?=[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])|(?<=[;\t\r\n])(?=[ \u00a0]*[=+\-@])")
"""Where a formula would begin; a spreadsheet set to Indonesian takes a semicolon for the end of a cell."""


async def _wants_csv(
    request: Request,
    asked: Annotated[Literal["json", "csv"] | None, Query(alias="format", description="`csv` for a sheet.")] = None,
) -> bool:
    """By the parameter, else by whichever media type the caller wishes for most, the first among equals."""
    if asked is not None:
        return asked == "csv"
    named = (name.lower() for name in wished(request.headers.get("accept", "")))
    return next((name for name in named if name in _MEDIA_TYPES), None) == "text/csv"


WantsCsv = Annotated[bool, Depends(_wants_csv)]


def sheet(name: str, header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Response:
    """A CSV file of that name, in UTF-8 with a mark that spreadsheets need to see so."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([guarded(cell) for cell in row] for row in rows)
    disposition = {"Content-Disposition": f'attachment; filename="{name}.csv"', "Vary": "Accept"}
    return Response(text.getvalue().encode("utf-8-sig"), media_type="text/csv; charset=utf-8", headers=disposition)


def guarded(cell: Cell) -> Cell:
    """Text with an apostrophe before whatever would begin a formula; numbers as they are.

    >>> guarded("=HYPERLINK(1)"), guarded("Jl. Mawar;=1+1"), guarded(-5)
    ("'=HYPERLINK(1)", "Jl. Mawar;'=1+1", -5)
    """
    return _FORMULA.sub("'", cell) if isinstance(cell, str) else cell
