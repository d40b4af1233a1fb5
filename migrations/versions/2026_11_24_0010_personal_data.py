"""Personal data: restriction, erasure and legal holds of complaints, records whose identity stays away, an audit trail
that only grows.

Revises: 0009. Expands only; on PostgreSQL the trail's rule is a function, on SQLite it is written into each trigger.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)

AUDIT_INDEXES = (
    ("ix_audit_at", ["at", "id"]),
    ("ix_audit_actor", ["actor", "id"]),
    ("ix_audit_subject", ["subject", "id"]),
)
REFUSAL = "the audit trail is append-only"


def upgrade() -> None:
    op.add_column("complaint", sa.Column("is_restricted", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("complaint", sa.Column("erased_at", INSTANT, nullable=True))
    op.add_column("source_record", sa.Column("forgotten_at", INSTANT, nullable=True))
    op.create_table(
        "legal_hold",
        sa.Column("complaint_id", BIG_ID, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("placed_by", sa.Text(), nullable=False),
        sa.Column("placed_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaint.id"], name=op.f("fk_legal_hold_complaint_id")),
        sa.PrimaryKeyConstraint("complaint_id", name=op.f("pk_legal_hold")),
    )
    for name, columns in AUDIT_INDEXES:
        op.create_index(name, "audit", columns, unique=False)
    if op.get_bind().dialect.name == "postgresql":
        _close_postgresql()
    else:
        _close_sqlite()


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER audit_grows ON audit")
        op.execute("DROP TRIGGER audit_stays ON audit")
        op.execute("DROP FUNCTION audit_is_append_only()")
    else:
        op.execute("DROP TRIGGER audit_no_update")
        op.execute("DROP TRIGGER audit_no_delete")
    for name, _ in reversed(AUDIT_INDEXES):
        op.drop_index(name, table_name="audit")
    op.drop_table("legal_hold")
    op.drop_column("source_record", "forgotten_at")
    op.drop_column("complaint", "erased_at")
    op.drop_column("complaint", "is_restricted")


def _close_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$"
    )
    refuses = "EXECUTE FUNCTION audit_is_append_only()"
    op.execute(f"CREATE TRIGGER audit_grows BEFORE UPDATE OR DELETE ON audit FOR EACH ROW {refuses}")
    op.execute(f"CREATE TRIGGER audit_stays BEFORE TRUNCATE ON audit FOR EACH STATEMENT {refuses}")


def _close_sqlite() -> None:
    for verb in ("update", "delete"):
        op.execute(
            f"CREATE TRIGGER audit_no_{verb} BEFORE {verb.upper()} ON audit BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
        )
