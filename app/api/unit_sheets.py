"""The status of units as rows of a sheet: one unit a row, or one part of its complaints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from app.api.sheets import Cell
from app.api.unit_shapes import ClockFigures, CommonFigures, StatusAnswer, StatusFigures, UnitName
from app.units.figures import CLOCKS

_PER_CLOCK = (
    "received", "met", "missed", "running_overdue", "compliance", "median_seconds", "p90_seconds", "mean_seconds",
    "paused_share",
)  # fmt: skip
_AGES = ("aged_1d", "aged_3d", "aged_7d", "aged_14d", "aged_30d", "aged_over_30d")
SHEET_HEADER = (
    "code", "name", "part", "as_of", "period_since", "period_until",
    "open", "overdue", "due_24h", "unassigned", "unrouted", "oldest_since", *_AGES,
    *(f"{clock}_{figure}" for clock in CLOCKS for figure in (*_PER_CLOCK, "percentile_error")),
    "reported", "reopen_rate", "send_back_rate", "hops", "holding_stints", "holding_mean_seconds",
)  # fmt: skip
"""The columns; `part` is the category, channel or source of a row that tells of a part, else empty."""


Spoken = tuple[str, str, str]
"""The instant that a row speaks of, and the first and last of its period."""


def sheet_row(figures: StatusFigures, spoken: Spoken) -> list[Cell]:
    """The figures of units together in one line, in the order of `SHEET_HEADER`."""
    return [*_names(figures["units"]), None, *spoken, *_cells(figures)]


def part_rows(answer: StatusAnswer, spoken: Spoken) -> Iterator[list[Cell]]:
    """A line for each part."""
    for part in answer["parts"] or ():
        yield [*_names(answer["units"]), part["part"], *spoken, *_cells(part)]


def _names(units: Sequence[UnitName]) -> tuple[str, str]:
    return ",".join(unit["code"] for unit in units), ", ".join(unit["name"] for unit in units)


def _cells(figures: CommonFigures) -> Iterator[Cell]:
    yield from (figures[key]["value"] for key in ("open", "overdue", "due_24h", "unassigned"))
    yield figures["unrouted"]["value"] if figures["unrouted"] else None
    yield figures["oldest"]["since"] if figures["oldest"] else None
    yield from (bucket["value"] for bucket in figures["ageing"])
    for clock in CLOCKS:
        yield from _clock_cells(figures["clocks"][clock])
    handling = figures["handling"]
    yield from (handling[key]["value"] for key in ("reported", "reopen_rate", "send_back_rate", "hops"))
    yield figures["holding"]["stints"]
    yield figures["holding"]["mean_seconds"]


def _clock_cells(clock: ClockFigures) -> Iterator[Cell]:
    values: Mapping[str, object] = clock
    for name in _PER_CLOCK:
        figure = values[name]
        yield figure["value"] if isinstance(figure, dict) else None
    yield clock["percentile_error"]
