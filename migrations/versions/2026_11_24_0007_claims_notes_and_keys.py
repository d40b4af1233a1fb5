"""Claims that end, notes in the history, answers that are kept for those who ask again.

Revises: 0006. Expands only. A claim that was made before has no end of its own. The way back drops
the entries that an older program does not know; `tanggap recompute` then brings status and clocks in line with it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)

KINDS = ("reported", "status", "assigned", "replied", "move", "expired", "corrected", "recalculated")


def upgrade() -> None:
    op.add_column("complaint", sa.Column("claim_expires_at", INSTANT, nullable=True))
    # The index is made empty, so that nobody waits for it.
    op.create_index(
        "ix_complaint_claim",
        "complaint",
        ["claim_expires_at"],
        unique=False,
        postgresql_where=sa.text("claim_expires_at IS NOT NULL"),
        sqlite_where=sa.text("claim_expires_at IS NOT NULL"),
    )
    _allow_kinds((*KINDS, "note"))
    _create_kept_answer()


def downgrade() -> None:
    op.drop_table("kept_answer")
    op.execute("DELETE FROM complaint_event WHERE kind = 'note' OR (kind = 'expired' AND move = 'claim')")
    _allow_kinds(KINDS)
    op.drop_index("ix_complaint_claim", table_name="complaint")
    op.drop_column("complaint", "claim_expires_at")


def _allow_kinds(kinds: tuple[str, ...]) -> None:
    """On PostgreSQL what is there is looked at in a step of its own, during which everybody goes on writing."""
    name, values = op.f("ck_complaint_event_kind"), ", ".join(f"'{kind}'" for kind in kinds)
    with op.batch_alter_table("complaint_event") as batch:
        batch.drop_constraint(name, type_="check")
        batch.create_check_constraint(name, sa.text(f"kind IN ({values})"), postgresql_not_valid=True)
    if op.get_context().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE complaint_event VALIDATE CONSTRAINT {name}")


def _create_kept_answer() -> None:
    op.create_table(
        "kept_answer",
        sa.Column("caller", sa.String(length=120), nullable=False),
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("caller", "key_hash", name=op.f("pk_kept_answer")),
    )
    op.create_index("ix_kept_answer_created", "kept_answer", ["created_at"], unique=False)
