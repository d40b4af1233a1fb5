"""Find the stints of a unit that ended in a period.

Revises: 0005. Only an index; on PostgreSQL it is made while everybody goes on writing.
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

NAME = "ix_stint_unit_ended"


def upgrade() -> None:
    if op.get_context().dialect.name != "postgresql":
        _create()
        return
    with op.get_context().autocommit_block():
        # What an earlier attempt left half-made would stay invalid for ever.
        op.drop_index(NAME, table_name="stint", if_exists=True, postgresql_concurrently=True)
        _create(postgresql_concurrently=True)


def downgrade() -> None:
    op.drop_index(NAME, table_name="stint", if_exists=True)


def _create(**options: bool) -> None:
    op.create_index(NAME, "stint", ["unit_id", "ended_at"], unique=False, **options)
