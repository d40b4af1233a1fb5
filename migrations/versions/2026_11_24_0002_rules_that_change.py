"""Rules that change: who made and published a version, proposals, recalculations, exceptions of one unit.

Revises: 0001. Expands only; every new column has a default or may be null.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")

VERSION_COLUMNS = (
    ("source_document", sa.Text()),
    ("created_by", sa.Text()),
    ("created_at", INSTANT),
    ("published_by", sa.Text()),
)


def upgrade() -> None:
    for table in ("calendar_version", "policy_version"):
        for name, kind in VERSION_COLUMNS:
            op.add_column(table, sa.Column(name, kind, nullable=True))
    op.add_column("calendar_version", sa.Column("effective_on", sa.Date(), nullable=True))
    op.add_column(
        "policy_version", sa.Column("on_change", sa.String(length=20), nullable=False, server_default="retroactive")
    )
    op.add_column(
        "reason_code", sa.Column("needed_role", sa.String(length=20), nullable=False, server_default="officer")
    )
    # A unit's id without a foreign key: SQLite adds one only by copying the whole table.
    op.add_column("sla_clock", sa.Column("exception_unit_id", BIG_ID, nullable=True))
    _create_proposal()
    _create_recalculation()


def downgrade() -> None:
    op.drop_table("recalculation")
    op.drop_table("proposal")
    op.drop_column("sla_clock", "exception_unit_id")
    op.drop_column("reason_code", "needed_role")
    op.drop_column("policy_version", "on_change")
    op.drop_column("calendar_version", "effective_on")
    for table in ("policy_version", "calendar_version"):
        for name, _ in reversed(VERSION_COLUMNS):
            op.drop_column(table, name)


def _create_proposal() -> None:
    op.create_table(
        "proposal",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column(
            "kind",
            sa.Enum("calendar", "policy", name="kind", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("version_id", BIG_ID, nullable=False),
        sa.Column("former_id", BIG_ID, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "draft",
                "approved",
                "applying",
                "applied",
                "refused",
                "reverted",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("preview", JSON, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", INSTANT, nullable=True),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.Column("reverted_by", sa.Text(), nullable=True),
        sa.Column("reverted_at", INSTANT, nullable=True),
        sa.Column("revert_version_id", BIG_ID, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proposal")),
    )


def _create_recalculation() -> None:
    op.create_table(
        "recalculation",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("proposal_id", BIG_ID, nullable=False),
        sa.Column("reverts", sa.Boolean(), nullable=False),
        sa.Column("reach", JSON, nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "waiting",
                "running",
                "done",
                "replaced",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("last_complaint_id", BIG_ID, nullable=False),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("visited", sa.Integer(), nullable=False),
        sa.Column("moved", sa.Integer(), nullable=False),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_until", INSTANT, nullable=True),
        sa.Column("lease_no", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("started_at", INSTANT, nullable=True),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["proposal_id"], ["proposal.id"], name=op.f("fk_recalculation_proposal_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recalculation")),
    )
    op.create_index("ix_recalculation_proposal", "recalculation", ["proposal_id"], unique=False)
