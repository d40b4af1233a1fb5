"""The first schema.

Revises: nothing, it is the first one.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("details", JSON, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_table(
        "calendar",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar")),
        sa.UniqueConstraint("name", name=op.f("uq_calendar_name")),
    )
    op.create_table(
        "category",
        sa.Column("code", sa.String(length=120), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("parent_code", sa.String(length=120), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["parent_code"], ["category.code"], name=op.f("fk_category_parent_code")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_category")),
    )
    op.create_table(
        "counter",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("value", BIG_ID, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counter")),
    )
    op.create_table(
        "officer",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("username", sa.String(length=80), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "viewer",
                "officer",
                "supervisor",
                "admin",
                "service",
                name="role",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("failed_sign_ins", sa.Integer(), nullable=False),
        sa.Column("locked_until", INSTANT, nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_officer")),
        sa.UniqueConstraint("username", name=op.f("uq_officer_username")),
    )
    op.create_table(
        "policy",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("family", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("clock", sa.String(length=20), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy")),
        sa.UniqueConstraint("name", name=op.f("uq_policy_name")),
    )
    op.create_table(
        "reason_code",
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("code", sa.String(length=60), nullable=False),
        sa.Column("label_id", sa.Text(), nullable=False),
        sa.Column("label_en", sa.Text(), nullable=False),
        sa.Column("max_s", sa.Integer(), nullable=True),
        sa.Column("needs_evidence", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "code", name=op.f("pk_reason_code")),
    )
    op.create_table(
        "source",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("connector", sa.String(length=40), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("sealed_token", sa.LargeBinary(), nullable=True),
        sa.Column("options", JSON, nullable=False),
        sa.Column("since_on", sa.Date(), nullable=True),
        sa.Column("every_s", sa.Integer(), nullable=True),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("next_run_at", INSTANT, nullable=True),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_until", INSTANT, nullable=True),
        sa.Column("lease_no", sa.Integer(), nullable=False),
        sa.Column("last_look_at", INSTANT, nullable=True),
        sa.Column("last_success_at", INSTANT, nullable=True),
        sa.Column("complete_through", INSTANT, nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("open_until", INSTANT, nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("last_error_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source")),
        sa.UniqueConstraint("name", name=op.f("uq_source_name")),
    )
    op.create_index("ix_source_next_run", "source", ["next_run_at"], unique=False)

    op.create_table(
        "status_word",
        sa.Column("connector", sa.String(length=60), nullable=False),
        sa.Column("word", sa.String(length=200), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "received",
                "coordinating",
                "dispatched",
                "in_progress",
                "scheduled",
                "awaiting_validation",
                "rework",
                "awaiting_complainant",
                "resolved",
                "rejected",
                "withdrawn",
                "deleted",
                "unknown",
                name="status",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("connector", "word", name=op.f("pk_status_word")),
    )
    op.create_table(
        "unit",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("code", sa.String(length=80), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.String(length=30), nullable=False),
        sa.Column("parent_id", BIG_ID, nullable=True),
        sa.Column("second_parent_id", BIG_ID, nullable=True),
        sa.Column("is_validator", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["parent_id"], ["unit.id"], name=op.f("fk_unit_parent_id")),
        sa.ForeignKeyConstraint(["second_parent_id"], ["unit.id"], name=op.f("fk_unit_second_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit")),
        sa.UniqueConstraint("code", name=op.f("uq_unit_code")),
    )
    op.create_table(
        "webhook",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", JSON, nullable=False),
        sa.Column("unit_codes", JSON, nullable=False),
        sa.Column("filters", JSON, nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook")),
    )
    op.create_table(
        "worker",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("seen_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_worker")),
    )
    op.create_table(
        "api_token",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.String(length=16), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "viewer",
                "officer",
                "supervisor",
                "admin",
                "service",
                name="role",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("officer_id", BIG_ID, nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=True),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.Column("used_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["officer_id"], ["officer.id"], name=op.f("fk_api_token_officer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_token_token_hash")),
    )
    op.create_table(
        "calendar_version",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("calendar_id", BIG_ID, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("rules", JSON, nullable=False),
        sa.Column("published_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["calendar_id"], ["calendar.id"], name=op.f("fk_calendar_version_calendar_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar_version")),
        sa.UniqueConstraint("calendar_id", "version", name=op.f("uq_calendar_version_calendar_id_version")),
    )
    op.create_table(
        "category_alias",
        sa.Column("label", sa.String(length=200), nullable=False),
        sa.Column("code", sa.String(length=120), nullable=False),
        sa.ForeignKeyConstraint(["code"], ["category.code"], name=op.f("fk_category_alias_code")),
        sa.PrimaryKeyConstraint("label", name=op.f("pk_category_alias")),
    )
    op.create_table(
        "complaint",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("ticket_code", sa.String(length=40), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("change_no", BIG_ID, nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "received",
                "coordinating",
                "dispatched",
                "in_progress",
                "scheduled",
                "awaiting_validation",
                "rework",
                "awaiting_complainant",
                "resolved",
                "rejected",
                "withdrawn",
                "deleted",
                "unknown",
                name="status",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("source_status", sa.Text(), nullable=True),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("classification", sa.Text(), nullable=True),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("category_code", sa.String(length=120), nullable=True),
        sa.Column("unit_id", BIG_ID, nullable=True),
        sa.Column("assignee_id", BIG_ID, nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=True),
        sa.Column("lng", sa.Double(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("kelurahan_code", sa.Text(), nullable=True),
        sa.Column("evidence_urls", JSON, nullable=False),
        sa.Column("is_private", sa.Boolean(), nullable=False),
        sa.Column("is_anonymous", sa.Boolean(), nullable=False),
        sa.Column("is_confidential", sa.Boolean(), nullable=False),
        sa.Column("is_history", sa.Boolean(), nullable=False),
        sa.Column("time_precision", sa.String(length=10), nullable=False),
        sa.Column("source_due_at", INSTANT, nullable=True),
        sa.Column("reported_at", INSTANT, nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("closed_at", INSTANT, nullable=True),
        sa.Column("promised_at", INSTANT, nullable=True),
        sa.Column("next_clock", sa.Text(), nullable=True),
        sa.Column("next_due_at", INSTANT, nullable=True),
        sa.Column("respond_due_at", INSTANT, nullable=True),
        sa.Column("resolve_due_at", INSTANT, nullable=True),
        sa.Column("is_missed", sa.Boolean(), nullable=False),
        sa.Column("hops", sa.Integer(), nullable=False),
        sa.Column("rework_count", sa.Integer(), nullable=False),
        sa.Column("reopen_count", sa.Integer(), nullable=False),
        sa.Column("conflict_count", sa.Integer(), nullable=False),
        sa.Column("content_rank", sa.Integer(), nullable=False),
        sa.Column("handling_rank", sa.Integer(), nullable=False),
        sa.Column("connectors", JSON, nullable=False),
        sa.Column("policy_families", JSON, nullable=False),
        sa.Column("queue_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["assignee_id"], ["officer.id"], name=op.f("fk_complaint_assignee_id")),
        sa.ForeignKeyConstraint(["category_code"], ["category.code"], name=op.f("fk_complaint_category_code")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_complaint_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_complaint")),
        sa.UniqueConstraint("ticket_code", name=op.f("uq_complaint_ticket_code")),
    )
    op.create_index("ix_complaint_change", "complaint", ["change_no", "id"], unique=False)
    op.create_index(
        "ix_complaint_queue",
        "complaint",
        ["queue_at", "id"],
        unique=False,
        postgresql_where=sa.text("is_open"),
        sqlite_where=sa.text("is_open"),
    )
    op.create_index("ix_complaint_reported", "complaint", ["reported_at", "id"], unique=False)
    op.create_index(
        "ix_complaint_unit_queue",
        "complaint",
        ["unit_id", "queue_at", "id"],
        unique=False,
        postgresql_where=sa.text("is_open"),
        sqlite_where=sa.text("is_open"),
    )
    op.create_index("ix_complaint_unit_reported", "complaint", ["unit_id", "reported_at", "id"], unique=False)
    op.create_index(
        "ix_complaint_unknown",
        "complaint",
        ["id"],
        unique=False,
        postgresql_where=sa.text("status = 'unknown'"),
        sqlite_where=sa.text("status = 'unknown'"),
    )
    op.create_index("ix_complaint_updated", "complaint", ["updated_at", "id"], unique=False)

    op.create_table(
        "officer_unit",
        sa.Column("officer_id", BIG_ID, nullable=False),
        sa.Column("unit_id", BIG_ID, nullable=False),
        sa.ForeignKeyConstraint(["officer_id"], ["officer.id"], name=op.f("fk_officer_unit_officer_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_officer_unit_unit_id")),
        sa.PrimaryKeyConstraint("officer_id", "unit_id", name=op.f("pk_officer_unit")),
    )
    op.create_table(
        "policy_version",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("policy_id", BIG_ID, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "target_unit",
            sa.Enum(
                "elapsed_minute",
                "working_minute",
                "working_day",
                "source_due",
                name="target_unit",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("target_amount", sa.Integer(), nullable=True),
        sa.Column("calendar", sa.String(length=60), nullable=False),
        sa.Column("applies", JSON, nullable=False),
        sa.Column("honours", JSON, nullable=False),
        sa.Column("thresholds", JSON, nullable=False),
        sa.Column("repeat_s", sa.Integer(), nullable=True),
        sa.Column("extension_cap_s", sa.Integer(), nullable=True),
        sa.Column("max_extensions", sa.Integer(), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("confidence", sa.String(length=3), nullable=False),
        sa.Column("published_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["policy_id"], ["policy.id"], name=op.f("fk_policy_version_policy_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_version")),
        sa.UniqueConstraint("policy_id", "version", name=op.f("uq_policy_version_policy_id_version")),
    )
    op.create_table(
        "reject",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("source_id", BIG_ID, nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("sealed_raw", sa.LargeBinary(), nullable=False),
        sa.Column(
            "state",
            sa.Enum("open", "replayed", name="state", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("first_seen_at", INSTANT, nullable=False),
        sa.Column("last_seen_at", INSTANT, nullable=False),
        sa.Column("times_seen", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_reject_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reject")),
        sa.UniqueConstraint("source_id", "content_hash", name=op.f("uq_reject_source_id_content_hash")),
    )
    op.create_table(
        "session",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("officer_id", BIG_ID, nullable=False),
        sa.Column("csrf_token", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("seen_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["officer_id"], ["officer.id"], name=op.f("fk_session_officer_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_session")),
    )
    op.create_table(
        "source_run",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("source_id", BIG_ID, nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "pull",
                "backfill",
                "import",
                "replay",
                "push",
                name="kind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "running", "done", "failed", "lost", name="state", native_enum=False, create_constraint=True, length=40
            ),
            nullable=False,
        ),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.Column("pulled", sa.Integer(), nullable=False),
        sa.Column("created", sa.Integer(), nullable=False),
        sa.Column("linked", sa.Integer(), nullable=False),
        sa.Column("updated", sa.Integer(), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.Column("complete_through", INSTANT, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_source_run_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source_run")),
    )
    op.create_index("ix_source_run_source", "source_run", ["source_id", "id"], unique=False)

    op.create_table(
        "unit_alias",
        sa.Column("kind", sa.String(length=80), nullable=False),
        sa.Column("label", sa.String(length=200), nullable=False),
        sa.Column("unit_id", BIG_ID, nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_unit_alias_unit_id")),
        sa.PrimaryKeyConstraint("kind", "label", name=op.f("pk_unit_alias")),
    )
    op.create_table(
        "unit_ancestor",
        sa.Column("unit_id", BIG_ID, nullable=False),
        sa.Column("ancestor_id", BIG_ID, nullable=False),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["ancestor_id"], ["unit.id"], name=op.f("fk_unit_ancestor_ancestor_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_unit_ancestor_unit_id")),
        sa.PrimaryKeyConstraint("unit_id", "ancestor_id", name=op.f("pk_unit_ancestor")),
    )
    op.create_index("ix_unit_ancestor_ancestor", "unit_ancestor", ["ancestor_id", "unit_id"], unique=False)

    op.create_table(
        "alert",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("complaint_id", BIG_ID, nullable=False),
        sa.Column("clock", sa.String(length=20), nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("rule", sa.String(length=60), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("level", sa.String(length=10), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "delivered",
                "dead",
                "withdrawn",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("unit_id", BIG_ID, nullable=True),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("fired_at", INSTANT, nullable=False),
        sa.Column("raised_at", INSTANT, nullable=False),
        sa.Column("acknowledged_at", INSTANT, nullable=True),
        sa.Column("acknowledged_by_id", BIG_ID, nullable=True),
        sa.ForeignKeyConstraint(["acknowledged_by_id"], ["officer.id"], name=op.f("fk_alert_acknowledged_by_id")),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaint.id"], name=op.f("fk_alert_complaint_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_alert_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
        sa.UniqueConstraint(
            "complaint_id", "clock", "cycle", "rule", "step", name=op.f("uq_alert_complaint_id_clock_cycle_rule_step")
        ),
    )
    op.create_index("ix_alert_unit_raised", "alert", ["unit_id", "id"], unique=False)

    op.create_table(
        "api_token_unit",
        sa.Column("token_id", BIG_ID, nullable=False),
        sa.Column("unit_id", BIG_ID, nullable=False),
        sa.ForeignKeyConstraint(["token_id"], ["api_token.id"], name=op.f("fk_api_token_unit_token_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_api_token_unit_unit_id")),
        sa.PrimaryKeyConstraint("token_id", "unit_id", name=op.f("pk_api_token_unit")),
    )
    op.create_table(
        "complaint_event",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("complaint_id", BIG_ID, nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("occurred_at", INSTANT, nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "reported",
                "status",
                "assigned",
                "replied",
                "move",
                "expired",
                "corrected",
                "recalculated",
                name="kind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "move",
            sa.Enum(
                "claim",
                "release",
                "assign",
                "accept",
                "forward",
                "respond",
                "start",
                "ask_complainant",
                "complainant_answered",
                "schedule",
                "submit",
                "approve",
                "send_back",
                "reject",
                "reopen",
                "withdraw",
                name="move",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column(
            "status",
            sa.Enum(
                "received",
                "coordinating",
                "dispatched",
                "in_progress",
                "scheduled",
                "awaiting_validation",
                "rework",
                "awaiting_complainant",
                "resolved",
                "rejected",
                "withdrawn",
                "deleted",
                "unknown",
                name="status",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column("unit_id", BIG_ID, nullable=True),
        sa.Column("assignee_id", BIG_ID, nullable=True),
        sa.Column("actor_id", BIG_ID, nullable=True),
        sa.Column("source_id", BIG_ID, nullable=True),
        sa.Column("word", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("reason_code", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("is_public", sa.Boolean(), nullable=False),
        sa.Column("promised_at", INSTANT, nullable=True),
        sa.Column(
            "timing",
            sa.Enum(
                "dated", "observed", "unknown", name="timing", native_enum=False, create_constraint=True, length=40
            ),
            nullable=False,
        ),
        sa.Column("earliest_at", INSTANT, nullable=True),
        sa.Column("expires_at", INSTANT, nullable=True),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column(
            "effect",
            sa.Enum(
                "applied",
                "shadowed",
                "conflict",
                "unreadable",
                name="effect",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("details", JSON, nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["officer.id"], name=op.f("fk_complaint_event_actor_id")),
        sa.ForeignKeyConstraint(["assignee_id"], ["officer.id"], name=op.f("fk_complaint_event_assignee_id")),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaint.id"], name=op.f("fk_complaint_event_complaint_id")),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_complaint_event_source_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_complaint_event_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_complaint_event")),
        sa.UniqueConstraint("complaint_id", "key", name=op.f("uq_complaint_event_complaint_id_key")),
    )
    op.create_table(
        "identity",
        sa.Column("complaint_id", BIG_ID, nullable=False),
        sa.Column("source_id", BIG_ID, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaint.id"], name=op.f("fk_identity_complaint_id")),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_identity_source_id")),
        sa.PrimaryKeyConstraint("complaint_id", "source_id", name=op.f("pk_identity")),
    )
    op.create_table(
        "pause",
        sa.Column("complaint_id", BIG_ID, nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.Column("actor_id", BIG_ID, nullable=True),
        sa.Column("expires_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["actor_id"], ["officer.id"], name=op.f("fk_pause_actor_id")),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaint.id"], name=op.f("fk_pause_complaint_id")),
        sa.PrimaryKeyConstraint("complaint_id", "ordinal", name=op.f("pk_pause")),
    )
    op.create_index(
        "ix_pause_expiry",
        "pause",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NULL AND expires_at IS NOT NULL"),
        sqlite_where=sa.text("ended_at IS NULL AND expires_at IS NOT NULL"),
    )
    op.create_table(
        "queue_slot",
        sa.Column("ancestor_id", BIG_ID, nullable=False),
        sa.Column("queue_at", INSTANT, nullable=False),
        sa.Column("complaint_id", BIG_ID, nullable=False),
        sa.ForeignKeyConstraint(["ancestor_id"], ["unit.id"], name=op.f("fk_queue_slot_ancestor_id")),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaint.id"], name=op.f("fk_queue_slot_complaint_id")),
        sa.PrimaryKeyConstraint("ancestor_id", "queue_at", "complaint_id", name=op.f("pk_queue_slot")),
    )
    op.create_index("ix_queue_slot_complaint", "queue_slot", ["complaint_id"], unique=False)

    op.create_table(
        "sla_clock",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("complaint_id", BIG_ID, nullable=False),
        sa.Column("clock", sa.String(length=20), nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("family", sa.String(length=40), nullable=False),
        sa.Column("unit_id", BIG_ID, nullable=True),
        sa.Column("policy_version_id", BIG_ID, nullable=True),
        sa.Column("calendar_version_id", BIG_ID, nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "not_started",
                "running",
                "paused",
                "met",
                "missed",
                "cancelled",
                "unjudged",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "target_unit",
            sa.Enum(
                "elapsed_minute",
                "working_minute",
                "working_day",
                "source_due",
                name="target_unit",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column("target_amount", sa.Integer(), nullable=True),
        sa.Column("target_s", sa.BigInteger(), nullable=True),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=True),
        sa.Column("stopped_at", INSTANT, nullable=True),
        sa.Column("breached_at", INSTANT, nullable=True),
        sa.Column("elapsed_s", sa.BigInteger(), nullable=False),
        sa.Column("paused_s", sa.BigInteger(), nullable=False),
        sa.Column("remaining_s", sa.BigInteger(), nullable=True),
        sa.Column("paused_since", INSTANT, nullable=True),
        sa.Column("pause_reason", sa.Text(), nullable=True),
        sa.Column("is_provisional", sa.Boolean(), nullable=False),
        sa.Column(
            "timing",
            sa.Enum(
                "dated", "observed", "unknown", name="timing", native_enum=False, create_constraint=True, length=40
            ),
            nullable=False,
        ),
        sa.Column("error_s", sa.BigInteger(), nullable=True),
        sa.Column("raised_step", sa.Integer(), nullable=False),
        sa.Column("next_step", sa.Integer(), nullable=True),
        sa.Column("next_fire_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["calendar_version_id"], ["calendar_version.id"], name=op.f("fk_sla_clock_calendar_version_id")
        ),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaint.id"], name=op.f("fk_sla_clock_complaint_id")),
        sa.ForeignKeyConstraint(
            ["policy_version_id"], ["policy_version.id"], name=op.f("fk_sla_clock_policy_version_id")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_sla_clock_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sla_clock")),
        sa.UniqueConstraint(
            "complaint_id", "clock", "cycle", "family", name=op.f("uq_sla_clock_complaint_id_clock_cycle_family")
        ),
    )
    op.create_index(
        "ix_sla_clock_fire",
        "sla_clock",
        ["next_fire_at", "id"],
        unique=False,
        postgresql_where=sa.text("next_fire_at IS NOT NULL"),
        sqlite_where=sa.text("next_fire_at IS NOT NULL"),
    )
    op.create_index("ix_sla_clock_unit_due", "sla_clock", ["unit_id", "clock", "due_at"], unique=False)

    op.create_table(
        "source_record",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("source_id", BIG_ID, nullable=False),
        sa.Column("external_id", sa.String(length=200), nullable=False),
        sa.Column("complaint_id", BIG_ID, nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("sealed_raw", sa.LargeBinary(), nullable=False),
        sa.Column("source_status", sa.Text(), nullable=True),
        sa.Column("unit_label", sa.Text(), nullable=True),
        sa.Column("reported_at", INSTANT, nullable=False),
        sa.Column("first_seen_at", INSTANT, nullable=False),
        sa.Column("changed_at", INSTANT, nullable=False),
        sa.Column("notices", JSON, nullable=False),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaint.id"], name=op.f("fk_source_record_complaint_id")),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_source_record_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source_record")),
        sa.UniqueConstraint("source_id", "external_id", name=op.f("uq_source_record_source_id_external_id")),
    )
    op.create_index("ix_source_record_complaint", "source_record", ["complaint_id"], unique=False)

    op.create_table(
        "stint",
        sa.Column("complaint_id", BIG_ID, nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("unit_id", BIG_ID, nullable=False),
        sa.Column("assigned_at", INSTANT, nullable=False),
        sa.Column("accepted_at", INSTANT, nullable=True),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.Column("outcome", sa.String(length=20), nullable=True),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaint.id"], name=op.f("fk_stint_complaint_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_stint_unit_id")),
        sa.PrimaryKeyConstraint("complaint_id", "ordinal", name=op.f("pk_stint")),
    )
    op.create_index("ix_stint_unit_assigned", "stint", ["unit_id", "assigned_at", "complaint_id"], unique=False)

    op.create_table(
        "delivery",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("alert_id", BIG_ID, nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("webhook_id", BIG_ID, nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "delivered",
                "dead",
                "withdrawn",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", INSTANT, nullable=True),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_until", INSTANT, nullable=True),
        sa.Column("delivered_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"], name=op.f("fk_delivery_alert_id")),
        sa.ForeignKeyConstraint(["webhook_id"], ["webhook.id"], name=op.f("fk_delivery_webhook_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint("alert_id", "channel", "recipient", name=op.f("uq_delivery_alert_id_channel_recipient")),
    )
    op.create_index(
        "ix_delivery_next",
        "delivery",
        ["next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("next_attempt_at IS NOT NULL"),
        sqlite_where=sa.text("next_attempt_at IS NOT NULL"),
    )

    op.create_table(
        "delivery_attempt",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("delivery_id", sa.String(length=60), nullable=False),
        sa.Column("attempted_at", INSTANT, nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("took_ms", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("fk_delivery_attempt_delivery_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_attempt")),
    )
    op.create_index("ix_delivery_attempt_delivery", "delivery_attempt", ["delivery_id", "id"], unique=False)


def downgrade() -> None:
    op.drop_table("delivery_attempt")
    op.drop_table("delivery")
    op.drop_table("stint")
    op.drop_table("source_record")
    op.drop_table("sla_clock")
    op.drop_table("queue_slot")
    op.drop_table("pause")
    op.drop_table("identity")
    op.drop_table("complaint_event")
    op.drop_table("api_token_unit")
    op.drop_table("alert")
    op.drop_table("unit_ancestor")
    op.drop_table("unit_alias")
    op.drop_table("source_run")
    op.drop_table("session")
    op.drop_table("reject")
    op.drop_table("policy_version")
    op.drop_table("officer_unit")
    op.drop_table("complaint")
    op.drop_table("category_alias")
    op.drop_table("calendar_version")
    op.drop_table("api_token")
    op.drop_table("worker")
    op.drop_table("webhook")
    op.drop_table("unit")
    op.drop_table("status_word")
    op.drop_table("source")
    op.drop_table("reason_code")
    op.drop_table("policy")
    op.drop_table("officer")
    op.drop_table("counter")
    op.drop_table("category")
    op.drop_table("calendar")
    op.drop_table("audit")
