"""Find the few complaints of an officer, a closed status or a category among very many others.

Revises: 0015. Only indexes; on PostgreSQL they are made while everybody goes on writing.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

INDEXES = (
    ("ix_complaint_assignee_queue", ["assignee_id", "queue_at", "id"], "is_open"),
    ("ix_complaint_assignee", ["assignee_id", "reported_at", "id"], "assignee_id IS NOT NULL"),
    ("ix_complaint_closed_status", ["status", "reported_at", "id"], "NOT is_open"),
    ("ix_complaint_category_code", ["category_code"], None),
    ("ix_complaint_category", ["category"], None),
)


def upgrade() -> None:
    if op.get_context().dialect.name != "postgresql":
        _create()
        return
    with op.get_context().autocommit_block():
        _create(postgresql_concurrently=True)


def downgrade() -> None:
    for name, _, _ in reversed(INDEXES):
        op.drop_index(name, table_name="complaint", if_exists=True)


def _create(**options: bool) -> None:
    """What an earlier attempt left half-made on PostgreSQL is dropped first: it would stay invalid for ever."""
    for name, columns, condition in INDEXES:
        if options:
            op.drop_index(name, table_name="complaint", if_exists=True, **options)
        some = sa.text(condition) if condition else None
        op.create_index(name, "complaint", columns, unique=False, postgresql_where=some, sqlite_where=some, **options)
