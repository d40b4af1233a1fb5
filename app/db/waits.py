"""Citizens' waits for a result: the cycles of `resolve`, which one index tells of without a look at their rows."""

from __future__ import annotations

from sqlalchemy import text

# Spelled as the partial index `ix_sla_clock_waits` spells its condition: SQLite recognises it in no other form.
IS_WAIT = text("sla_clock.clock = 'resolve'")
