"""Pictures as evidence: what is known of each, their sealed bytes, what looks alike, and their entries in the history.

Revises: 0007. Expands only. The way back drops the pictures and the entries that an older program does not know.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")

KINDS = ("reported", "status", "assigned", "replied", "note", "move", "expired", "corrected", "recalculated")


def upgrade() -> None:
    _create_evidence()
    _create_evidence_file()
    _create_evidence_band()
    _create_evidence_match()
    _allow_kinds((*KINDS, "evidence"))


def downgrade() -> None:
    op.execute("DELETE FROM complaint_event WHERE kind = 'evidence'")
    _allow_kinds(KINDS)
    for table in ("evidence_match", "evidence_band", "evidence_file", "evidence"):
        op.drop_table(table)


def _create_evidence() -> None:
    op.create_table(
        "evidence",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("complaint_id", BIG_ID, nullable=False),
        sa.Column("kind", _one_of("kind", ("before", "after")), nullable=False),
        sa.Column("officer_id", BIG_ID, nullable=False),
        sa.Column("uploaded_at", INSTANT, nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("media_type", sa.String(length=20), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("perceptual_hash", sa.String(length=16), nullable=False),
        sa.Column("taken_at", INSTANT, nullable=True),
        sa.Column("has_exif_time", sa.Boolean(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=True),
        sa.Column("lng", sa.Double(), nullable=True),
        sa.Column("has_exif_place", sa.Boolean(), nullable=False),
        sa.Column("distance_m", sa.Integer(), nullable=True),
        sa.Column("flags", JSON, nullable=False),
        sa.Column("is_flagged", sa.Boolean(), nullable=False),
        sa.Column("verdict", _one_of("verdict", ("accepted", "refused")), nullable=True),
        sa.Column("reviewer_id", BIG_ID, nullable=True),
        sa.Column("reviewed_at", INSTANT, nullable=True),
        sa.Column("review_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaint.id"], name=op.f("fk_evidence_complaint_id")),
        sa.ForeignKeyConstraint(["officer_id"], ["officer.id"], name=op.f("fk_evidence_officer_id")),
        sa.ForeignKeyConstraint(["reviewer_id"], ["officer.id"], name=op.f("fk_evidence_reviewer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
        sa.UniqueConstraint("complaint_id", "kind", "sha256", name=op.f("uq_evidence_complaint_id_kind_sha256")),
    )
    op.create_index("ix_evidence_sha256", "evidence", ["sha256"], unique=False)


def _create_evidence_file() -> None:
    op.create_table(
        "evidence_file",
        sa.Column("evidence_id", BIG_ID, nullable=False),
        sa.Column("sealed_copy", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_original", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["evidence_id"], ["evidence.id"], name=op.f("fk_evidence_file_evidence_id")),
        sa.PrimaryKeyConstraint("evidence_id", name=op.f("pk_evidence_file")),
    )


def _create_evidence_band() -> None:
    op.create_table(
        "evidence_band",
        sa.Column("key", sa.Integer(), nullable=False),
        sa.Column("evidence_id", BIG_ID, nullable=False),
        sa.ForeignKeyConstraint(["evidence_id"], ["evidence.id"], name=op.f("fk_evidence_band_evidence_id")),
        sa.PrimaryKeyConstraint("key", "evidence_id", name=op.f("pk_evidence_band")),
    )


def _create_evidence_match() -> None:
    op.create_table(
        "evidence_match",
        sa.Column("evidence_id", BIG_ID, nullable=False),
        sa.Column("earlier_id", BIG_ID, nullable=False),
        sa.Column("distance", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["evidence_id"], ["evidence.id"], name=op.f("fk_evidence_match_evidence_id")),
        sa.ForeignKeyConstraint(["earlier_id"], ["evidence.id"], name=op.f("fk_evidence_match_earlier_id")),
        sa.PrimaryKeyConstraint("evidence_id", "earlier_id", name=op.f("pk_evidence_match")),
    )
    op.create_index("ix_evidence_match_earlier", "evidence_match", ["earlier_id"], unique=False)


def _allow_kinds(kinds: tuple[str, ...]) -> None:
    """On PostgreSQL what is there is looked at in a step of its own, during which everybody goes on writing."""
    name, values = op.f("ck_complaint_event_kind"), ", ".join(f"'{kind}'" for kind in kinds)
    with op.batch_alter_table("complaint_event") as batch:
        batch.drop_constraint(name, type_="check")
        batch.create_check_constraint(name, sa.text(f"kind IN ({values})"), postgresql_not_valid=True)
    if op.get_context().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE complaint_event VALIDATE CONSTRAINT {name}")


def _one_of(name: str, values: tuple[str, ...]) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)
