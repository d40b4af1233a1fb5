"""The last change of each unit: what a process that has just started need not gather from every complaint.

Revises: 0013. Expands only. Nothing is deleted in this schema, so what was deleted needs no table: whoever reads
changes learns from the history which complaints have left their units. The table starts empty and with a counter that
does not exist; the first web process gathers what it lacks and keeps it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "unit_change",
        sa.Column("unit_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("change_no", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("unit_id", name=op.f("pk_unit_change")),
    )


def downgrade() -> None:
    op.drop_table("unit_change")
    op.execute("DELETE FROM counter WHERE name = 'unit_change'")
