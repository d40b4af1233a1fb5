"""The cursor of our connections to PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

from psycopg import AsyncCursor, Column

PREPARED = "/* prepared */"
"""What a statement begins with (`Select.prefix_with`) that the server shall read and plan once for each connection.

It is for what every page asks, by an index whatever its values are: the server then keeps one plan for all of them.
"""
_BEGINNING = len(f"SELECT {PREPARED}")


class LazyCursor(AsyncCursor[Any]):
    """Describes the columns of a result when somebody looks at one, and prepares the statements that say so.

    SQLAlchemy asks every result whether it has columns, but looks at them once for each statement; to describe those
    of a page takes as long as to read one of its statements.
    """

    async def execute(self, query: Any, params: Any = None, *, prepare: bool | None = None, **how: Any) -> LazyCursor:
        """Execute a statement; see `AsyncCursor.execute`."""
        is_marked = isinstance(query, str) and PREPARED in query[:_BEGINNING]
        return await super().execute(query, params, prepare=True if is_marked else prepare, **how)

    @property
    def description(self) -> Sequence[Column] | None:  # type: ignore[override]  # a list that is made when it is read
        """The columns of the result; None when it has none."""
        result = self.pgresult
        return _Columns(self) if result is not None and result.nfields else super().description


class _Columns(Sequence[Column]):
    def __init__(self, cursor: LazyCursor) -> None:
        self._cursor = cursor

    def __len__(self) -> int:
        return len(self._described())

    @overload
    def __getitem__(self, index: int) -> Column: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Column]: ...
    def __getitem__(self, index: int | slice) -> Column | Sequence[Column]:
        return self._described()[index]

    def __iter__(self) -> Iterator[Column]:
        return iter(self._described())

    def _described(self) -> list[Column]:
        return super(LazyCursor, self._cursor).description or []
