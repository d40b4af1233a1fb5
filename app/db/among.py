"""A column among many values that come as one: the statement stays the same, however many there are."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Boolean, ColumnElement, String, bindparam
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import TypeEngine

from app.db.column_types import BigId


class among(GenericFunction[bool]):  # reads as a function, and is one in SQL
    """Whether a column is among the values of the list that is bound as `name`, of ids or of words.

    `IN` has a place for each value, so that the statement is spelled, and read by the database, anew for each list.
    """

    inherit_cache = True
    type = Boolean()

    def __init__(self, column: InstrumentedAttribute[Any] | ColumnElement[Any], name: str) -> None:
        kind: TypeEngine[Any] = String() if isinstance(column.type, String) else BigId
        values = ARRAY(kind).with_variant(JSON(), "sqlite")
        super().__init__(column, bindparam(name, type_=values))


@compiles(among, "postgresql")
def _any(element: among, compiler: SQLCompiler, **given: Any) -> str:
    column, values = (compiler.process(each, **given) for each in element.clauses)
    return f"{column} = ANY ({values})"


@compiles(among, "sqlite")
def _in_each(element: among, compiler: SQLCompiler, **given: Any) -> str:
    column, values = (compiler.process(each, **given) for each in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608  # both are the compiler's own
