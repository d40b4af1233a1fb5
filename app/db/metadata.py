"""The whole schema as one value, for migrations and tests."""

from __future__ import annotations

from app.db.tables import alerts, complaints, doubles, evidence, intake, machine, people, rules, sources, units
from app.db.tables.schema import Schema

TABLE_MODULES = (alerts, complaints, doubles, evidence, intake, machine, people, rules, sources, units)
metadata = Schema.metadata
