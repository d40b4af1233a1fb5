"""Closed months, and what it takes to tell a figure as it was: what policies looked at before it changed.

Revises: 0012. Expands only. Changes of the header before this revision left nothing behind, so that figures as of an
instant before it know the header as it stands now. The indexes find what was recorded after an instant, and the cycles
that anything happened to in a period: on PostgreSQL they are BRIN, since both tables grow at their end.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_complaint_event_recorded": ("complaint_event", ["recorded_at"]),
    "ix_sla_clock_times": ("sla_clock", ["started_at", "due_at", "stopped_at"]),
}
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    _make_former_facts()
    _make_closes()
    if op.get_context().dialect.name != "postgresql":
        for name, (table, columns) in INDEXES.items():
            op.create_index(name, table, columns, unique=False)
        return
    with op.get_context().autocommit_block():
        for name, (table, columns) in INDEXES.items():
            # What an earlier attempt left half-made would stay invalid for ever.
            op.drop_index(name, table_name=table, if_exists=True, postgresql_concurrently=True)
            op.create_index(name, table, columns, unique=False, postgresql_using="brin", postgresql_concurrently=True)


def downgrade() -> None:
    for name, (table, _) in INDEXES.items():
        op.drop_index(name, table_name=table, if_exists=True)
    op.drop_table("unit_close")
    op.drop_table("former_facts")


def _make_former_facts() -> None:
    op.create_table(
        "former_facts",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("complaint_id", BIG_ID, nullable=False),
        sa.Column("replaced_at", INSTANT, nullable=False),
        sa.Column("connectors", JSON, nullable=False),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("category_code", sa.Text(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("classification", sa.Text(), nullable=True),
        sa.Column("policy_families", JSON, nullable=False),
        sa.Column("source_due_at", INSTANT, nullable=True),
        sa.Column("is_history", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaint.id"], name=op.f("fk_former_facts_complaint_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_former_facts")),
    )
    op.create_index("ix_former_facts_complaint", "former_facts", ["complaint_id", "replaced_at"], unique=False)
    op.create_index("ix_former_facts_replaced", "former_facts", ["replaced_at"], unique=False)


def _make_closes() -> None:
    op.create_table(
        "unit_close",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("unit_id", BIG_ID, nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("closed_at", INSTANT, nullable=False),
        sa.Column("closed_by", sa.Text(), nullable=False),
        sa.Column("figures", JSON, nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_unit_close_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit_close")),
        sa.UniqueConstraint("unit_id", "month", name=op.f("uq_unit_close_unit_id_month")),
    )
