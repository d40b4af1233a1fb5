"""CSV answers: when a caller wants one, and cells that no spreadsheet takes for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from fastapi import Depends, Query, Request, Response

Cell = str | int | float | None

_MEDIA_TYPES = ("text/csv", "application/json", "*/*")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


async def _wants_csv(
    request: Request,
    wished: Annotated[Literal["json", "csv"] | None, Query(alias="format", description="`csv` for a sheet.")] = None,
) -> bool:
    """By the parameter, else by whichever media type the caller names first."""
    if wished is not None:
        return wished == "csv"
    named = (part.split(";")[0].strip().lower() for part in request.headers.get("accept", "").split(","))
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
    """Text that would begin a formula, behind an apostrophe; numbers as they are.

    >>> guarded("=HYPERLINK(1)"), guarded(-5)
    ("'=HYPERLINK(1)", -5)
    """
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
