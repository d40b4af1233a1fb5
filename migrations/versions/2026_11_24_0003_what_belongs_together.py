"""What belongs together, what a source's data looks like, backfills, uploads and pushed messages.

Revises: 0002. Expands only; every new column may be null.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")

SOURCE_COLUMNS = (("sealed_push_secret", sa.LargeBinary()), ("shape", JSON), ("reconciled_at", INSTANT))
TABLES = (
    "quoted_code",
    "related_complaint",
    "suggestion",
    "source_notice",
    "day_count",
    "pushed_message",
    "backfill",
    "import_job",
    "import_reject",
)


def upgrade() -> None:
    _create_quoted_code()
    _create_related_complaint()
    _create_suggestion()
    _create_source_notice()
    _create_day_count()
    _create_pushed_message()
    _create_backfill()
    _create_import_job()
    _create_import_reject()
    for name, kind in SOURCE_COLUMNS:
        op.add_column("source", sa.Column(name, kind, nullable=True))


def downgrade() -> None:
    for name, _ in reversed(SOURCE_COLUMNS):
        op.drop_column("source", name)
    for table in reversed(TABLES):
        op.drop_table(table)


def _create_quoted_code() -> None:
    op.create_table(
        "quoted_code",
        sa.Column("complaint_id", BIG_ID, nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaint.id"], name=op.f("fk_quoted_code_complaint_id")),
        sa.PrimaryKeyConstraint("complaint_id", "code", name=op.f("pk_quoted_code")),
    )
    op.create_index("ix_quoted_code_code", "quoted_code", ["code"], unique=False)


def _create_related_complaint() -> None:
    op.create_table(
        "related_complaint",
        sa.Column("complaint_id", BIG_ID, nullable=False),
        sa.Column("earlier_id", BIG_ID, nullable=False),
        sa.Column(
            "relation",
            sa.Enum("duplicate", "repeat", name="relation", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaint.id"], name=op.f("fk_related_complaint_complaint_id")),
        sa.ForeignKeyConstraint(["earlier_id"], ["complaint.id"], name=op.f("fk_related_complaint_earlier_id")),
        sa.PrimaryKeyConstraint("complaint_id", "earlier_id", "relation", name=op.f("pk_related_complaint")),
    )
    op.create_index("ix_related_complaint_earlier", "related_complaint", ["earlier_id"], unique=False)


def _create_suggestion() -> None:
    op.create_table(
        "suggestion",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("complaint_id", BIG_ID, nullable=False),
        sa.Column("earlier_id", BIG_ID, nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("reasons", JSON, nullable=False),
        sa.Column(
            "state",
            sa.Enum("open", "confirmed", "refused", name="state", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", INSTANT, nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaint.id"], name=op.f("fk_suggestion_complaint_id")),
        sa.ForeignKeyConstraint(["earlier_id"], ["complaint.id"], name=op.f("fk_suggestion_earlier_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suggestion")),
        sa.UniqueConstraint("complaint_id", "earlier_id", name=op.f("uq_suggestion_complaint_id_earlier_id")),
    )
    op.create_index("ix_suggestion_earlier", "suggestion", ["earlier_id"], unique=False)
    op.create_index("ix_suggestion_state", "suggestion", ["state", "id"], unique=False)


def _create_source_notice() -> None:
    op.create_table(
        "source_notice",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("source_id", BIG_ID, nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "new_field",
                "vanished_field",
                "unknown_status",
                "unknown_category",
                "gap",
                "unlisted",
                name="kind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("first_seen_at", INSTANT, nullable=False),
        sa.Column("last_seen_at", INSTANT, nullable=False),
        sa.Column("times_seen", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_source_notice_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source_notice")),
        sa.UniqueConstraint("source_id", "kind", "subject", name=op.f("uq_source_notice_source_id_kind_subject")),
    )


def _create_day_count() -> None:
    op.create_table(
        "day_count",
        sa.Column("source_id", BIG_ID, nullable=False),
        sa.Column("day_on", sa.Date(), nullable=False),
        sa.Column("listed", sa.Integer(), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.Column("repaired", sa.Integer(), nullable=False),
        sa.Column("unlisted", sa.Integer(), nullable=False),
        sa.Column("checked_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_day_count_source_id")),
        sa.PrimaryKeyConstraint("source_id", "day_on", name=op.f("pk_day_count")),
    )


def _create_pushed_message() -> None:
    op.create_table(
        "pushed_message",
        sa.Column("source_id", BIG_ID, nullable=False),
        sa.Column("message_id", sa.String(length=200), nullable=False),
        sa.Column("body_hash", sa.String(length=64), nullable=False),
        sa.Column("run_id", BIG_ID, nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["source_run.id"], name=op.f("fk_pushed_message_run_id")),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_pushed_message_source_id")),
        sa.PrimaryKeyConstraint("source_id", "message_id", name=op.f("pk_pushed_message")),
    )
    op.create_index("ix_pushed_message_received", "pushed_message", ["received_at"], unique=False)


def _create_backfill() -> None:
    op.create_table(
        "backfill",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("source_id", BIG_ID, nullable=False),
        sa.Column("from_on", sa.Date(), nullable=False),
        sa.Column("to_on", sa.Date(), nullable=False),
        sa.Column("next_on", sa.Date(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "waiting",
                "running",
                "done",
                "failed",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("created", sa.Integer(), nullable=False),
        sa.Column("linked", sa.Integer(), nullable=False),
        sa.Column("updated", sa.Integer(), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("next_try_at", INSTANT, nullable=True),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_backfill_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backfill")),
    )
    op.create_index("ix_backfill_state", "backfill", ["state", "id"], unique=False)


def _create_import_job() -> None:
    op.create_table(
        "import_job",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("profile", sa.String(length=60), nullable=False),
        sa.Column("options", JSON, nullable=False),
        sa.Column("file_name", sa.String(length=200), nullable=False),
        sa.Column("size", BIG_ID, nullable=False),
        sa.Column("sealed_file", sa.LargeBinary(), nullable=True),
        sa.Column("is_dry_run", sa.Boolean(), nullable=False),
        sa.Column("is_history", sa.Boolean(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "waiting",
                "running",
                "done",
                "failed",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("created", sa.Integer(), nullable=False),
        sa.Column("linked", sa.Integer(), nullable=False),
        sa.Column("updated", sa.Integer(), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.Column("run_id", BIG_ID, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("started_at", INSTANT, nullable=True),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_until", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["source_run.id"], name=op.f("fk_import_job_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_job")),
    )
    op.create_index("ix_import_job_state", "import_job", ["state", "id"], unique=False)


def _create_import_reject() -> None:
    op.create_table(
        "import_reject",
        sa.Column("job_id", BIG_ID, nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("sealed_raw", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["import_job.id"], name=op.f("fk_import_reject_job_id")),
        sa.PrimaryKeyConstraint("job_id", "ordinal", name=op.f("pk_import_reject")),
    )
