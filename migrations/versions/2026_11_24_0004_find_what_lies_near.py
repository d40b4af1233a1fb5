"""Find what lies near, what an unknown word was read as, and a record that is kept aside by its id.

Revises: 0003. Only indexes; on PostgreSQL they are made while everybody goes on writing.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

INDEXES = (
    ("ix_complaint_place", "complaint", ["lat", "lng"], "lat IS NOT NULL"),
    ("ix_complaint_event_unknown", "complaint_event", ["source_id", "id"], "status = 'unknown'"),
    ("ix_reject_open", "reject", ["source_id", "external_id"], "state = 'open'"),
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
        where = {f"{dialect}_where": sa.text(condition) for dialect in ("postgresql", "sqlite")}
        op.create_index(name, table, columns, unique=False, **where, **options)
