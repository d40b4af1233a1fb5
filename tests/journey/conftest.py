"""A database that holds Jakarta's reference data."""

from __future__ import annotations

from tests.seeded import postgres_template, sqlite_template

__all__ = ["postgres_template", "sqlite_template"]
