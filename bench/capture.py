"""What our code says to the database, taken down at the driver's door: statements with the values bound to them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine


@dataclass(frozen=True, slots=True)
class Said:
    """One statement as the driver gets it, with one set of values or, for an `executemany`, several."""

    statement: str
    values: list[Any]


@contextmanager
def listening(engine: AsyncEngine) -> Iterator[list[Said]]:
    """Everything said through `engine` while the block runs."""
    heard: list[Said] = []

    def hear(_c: object, _cursor: object, statement: str, values: Any, _context: object, executemany: bool) -> None:
        heard.append(Said(statement, list(values) if executemany else [values]))

    event.listen(engine.sync_engine, "before_cursor_execute", hear)
    try:
        yield heard
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", hear)
