"""Find what happened in a span of time by it: citizens' waits for a result, stints, pauses, pictures.

Revises: 0016. Only indexes; on PostgreSQL they are made while everybody goes on writing. That of the waits holds all
that signals and outlooks ask of them; the others follow the order in which rows come and cost writers next to nothing.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

WAITS = ["stopped_at", "started_at", "unit_id", "complaint_id", "cycle", "state"]
INDEXES = (
    ("ix_sla_clock_waits", "sla_clock", WAITS, "clock = 'resolve'"),
    ("ix_stint_times", "stint", ["assigned_at", "ended_at"], None),
    ("ix_pause_started", "pause", ["started_at"], None),
    ("ix_evidence_uploaded", "evidence", ["uploaded_at"], None),
)


def upgrade() -> None:
    if op.get_context().dialect.name != "postgresql":
        _create()
        return
    with op.get_context().autocommit_block():
        _create(postgresql_concurrently=True)


def downgrade() -> None:
    for name, table, _, _ in reversed(INDEXES):
        op.drop_index(name, table_name=table, if_exists=True)


def _create(**options: bool) -> None:
    """What an earlier attempt left half-made on PostgreSQL is dropped first: it would stay invalid for ever."""
    for name, table, columns, condition in INDEXES:
        if options:
            op.drop_index(name, table_name=table, if_exists=True, **options)
        if condition is None:
            op.create_index(name, table, columns, unique=False, postgresql_using="brin", **options)
        else:
            some = sa.text(condition)
            op.create_index(name, table, columns, unique=False, postgresql_where=some, sqlite_where=some, **options)
