"""The whole schema as one value, for migrations and tests."""

from __future__ import annotations

from app.db.tables import alerts, complaints, doubles, evidence, intake, machine, people, rules, sources, units
from app.db.tables.schema import Schema

TABLE_MODULES = (alerts, complaints, doubles, evidence, intake, machine, people, rules, sources, units)
metadata = Schema.metadata

SEARCH_INDEX = "complaint_words"
"""What the names of the full-text index begin with: tables that the database keeps by itself, not the code."""


def is_of_the_code(name: str | None, kind: str, _parents: object) -> bool:
    """Whether a name in the database is for comparing with `metadata`."""
    return kind != "table" or name is None or not name.startswith(SEARCH_INDEX)
