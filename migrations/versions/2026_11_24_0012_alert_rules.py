"""Who is told of which step, when, and instead of whom.

Revises: 0011. Expands; the older program goes on beside it. A delivery may carry what is no alert (a digest, a notice)
and be told again, so its unique key grows by kind and round. The way back drops the messages that an older program
does not know.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")

KINDS = ("alert", "correction", "digest", "notice")
FORMER_KEY = ["alert_id", "channel", "recipient"]
KEY = ["alert_id", "kind", "round", "channel", "recipient"]
OFFICER = (
    ("email", sa.String(length=254)),
    ("sealed_chat_url", sa.LargeBinary()),
    ("language", sa.String(length=2)),
    ("quiet_from", sa.Integer()),
    ("quiet_to", sa.Integer()),
)


def upgrade() -> None:
    op.add_column("alert", sa.Column("round", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("alert", sa.Column("cleared_at", INSTANT, nullable=True))
    _widen_delivery()
    for name, kind in OFFICER:
        op.add_column("officer", sa.Column(name, kind, nullable=True))
    op.add_column("officer", sa.Column("gets_digest", sa.Boolean(), nullable=False, server_default=sa.true()))
    _create_joined()
    _create_rules()
    _create_mutes()
    _create_leave()
    _create_marks()


def downgrade() -> None:
    for name in ("alert_digest", "alert_review", "leave", "alert_mute", "alert_rule", "delivery_alert"):
        op.drop_table(name)
    op.drop_column("officer", "gets_digest")
    for name, _ in reversed(OFFICER):
        op.drop_column("officer", name)
    _narrow_delivery()
    op.drop_column("alert", "cleared_at")
    op.drop_column("alert", "round")


def _widen_delivery() -> None:
    kinds = ", ".join(f"'{kind}'" for kind in KINDS)
    with op.batch_alter_table("delivery") as batch:
        batch.add_column(sa.Column("kind", sa.String(length=40), nullable=False, server_default="alert"))
        batch.add_column(sa.Column("round", sa.Integer(), nullable=False, server_default="1"))
        batch.add_column(sa.Column("payload", JSON, nullable=True))
        batch.alter_column("alert_id", existing_type=BIG_ID, nullable=True)
        batch.drop_constraint(op.f("uq_delivery_alert_id_channel_recipient"), type_="unique")
        batch.create_unique_constraint(op.f("uq_delivery_alert_id_kind_round_channel_recipient"), KEY)
        batch.create_check_constraint(op.f("ck_delivery_kind"), sa.text(f"kind IN ({kinds})"))


def _narrow_delivery() -> None:
    delivery = sa.table("delivery", *(sa.column(name) for name in ("id", "alert_id", "kind", "round")))
    attempt = sa.table("delivery_attempt", sa.column("delivery_id"))
    unknown = sa.or_(delivery.c.alert_id.is_(None), delivery.c.kind != "alert", delivery.c.round > 1)
    op.execute(sa.delete(attempt).where(attempt.c.delivery_id.in_(sa.select(delivery.c.id).where(unknown))))
    op.execute(sa.delete(delivery).where(unknown))
    with op.batch_alter_table("delivery") as batch:
        batch.drop_constraint(op.f("ck_delivery_kind"), type_="check")
        batch.drop_constraint(op.f("uq_delivery_alert_id_kind_round_channel_recipient"), type_="unique")
        batch.create_unique_constraint(op.f("uq_delivery_alert_id_channel_recipient"), FORMER_KEY)
        batch.alter_column("alert_id", existing_type=BIG_ID, nullable=False)
        for name in ("payload", "round", "kind"):
            batch.drop_column(name)


def _create_joined() -> None:
    op.create_table(
        "delivery_alert",
        sa.Column("delivery_id", sa.String(length=60), nullable=False),
        sa.Column("alert_id", BIG_ID, nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("fk_delivery_alert_delivery_id")),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"], name=op.f("fk_delivery_alert_alert_id")),
        sa.PrimaryKeyConstraint("delivery_id", "alert_id", name=op.f("pk_delivery_alert")),
    )
    op.create_index("ix_delivery_alert_alert", "delivery_alert", ["alert_id"], unique=False)


def _create_rules() -> None:
    op.create_table(
        "alert_rule",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("from_step", sa.Integer(), nullable=False),
        sa.Column("to_step", sa.Integer(), nullable=True),
        sa.Column("every", sa.Integer(), nullable=False),
        sa.Column("who", JSON, nullable=False),
        sa.Column("channels", JSON, nullable=False),
        sa.Column("severity", sa.String(length=10), nullable=False),
        sa.Column("hours", sa.String(length=10), nullable=False),
        sa.Column("clocks", JSON, nullable=True),
        sa.Column("policies", JSON, nullable=True),
        sa.Column("units", JSON, nullable=True),
        sa.Column("categories", JSON, nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.Column("removed_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_rule")),
        sa.UniqueConstraint("name", name=op.f("uq_alert_rule_name")),
    )


def _create_mutes() -> None:
    op.create_table(
        "alert_mute",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("rule", sa.String(length=60), nullable=True),
        sa.Column("unit_id", BIG_ID, nullable=False),
        sa.Column("until_at", INSTANT, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("lifted_at", INSTANT, nullable=True),
        sa.Column("lifted_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_alert_mute_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_mute")),
    )
    op.create_index("ix_alert_mute_until", "alert_mute", ["until_at"], unique=False)


def _create_leave() -> None:
    op.create_table(
        "leave",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("officer_id", BIG_ID, nullable=False),
        sa.Column("starts_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("delegate_id", BIG_ID, nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["officer_id"], ["officer.id"], name=op.f("fk_leave_officer_id")),
        sa.ForeignKeyConstraint(["delegate_id"], ["officer.id"], name=op.f("fk_leave_delegate_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_leave")),
    )
    op.create_index("ix_leave_officer", "leave", ["officer_id", "ends_at"], unique=False)
    op.create_index("ix_leave_ends", "leave", ["ends_at"], unique=False)


def _create_marks() -> None:
    """What the sweep has to look at again, and the days whose digest is made."""
    op.create_table(
        "alert_review",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("complaint_id", BIG_ID, nullable=False),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaint.id"], name=op.f("fk_alert_review_complaint_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_review")),
    )
    op.create_table(
        "alert_digest",
        sa.Column("sent_on", sa.Date(), nullable=False),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("sent_on", name=op.f("pk_alert_digest")),
    )
