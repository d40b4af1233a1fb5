"""What is wrong with this installation and was told, webhooks that keep failing, and the messages that are dead.

Revises: 0014. Expands only; the older program goes on beside it.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "incident",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("what", sa.String(length=30), nullable=False),
        sa.Column("about", JSON, nullable=False),
        sa.Column("first_seen_at", INSTANT, nullable=False),
        sa.Column("told_at", INSTANT, nullable=True),
        sa.Column("fine_since", INSTANT, nullable=True),
        sa.Column("over_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident")),
    )
    is_open = sa.text("over_at IS NULL")
    op.create_index(
        "ix_incident_open", "incident", ["key"], unique=True, postgresql_where=is_open, sqlite_where=is_open
    )
    op.add_column("webhook", sa.Column("failing_since", INSTANT, nullable=True))
    op.add_column("webhook", sa.Column("off_at", INSTANT, nullable=True))
    is_dead = sa.text("state = 'dead'")
    op.create_index("ix_delivery_dead", "delivery", ["id"], postgresql_where=is_dead, sqlite_where=is_dead)
    op.create_index("ix_delivery_attempt_at", "delivery_attempt", ["attempted_at"])


def downgrade() -> None:
    op.drop_index("ix_delivery_attempt_at", table_name="delivery_attempt")
    op.drop_index("ix_delivery_dead", table_name="delivery")
    op.drop_column("webhook", "off_at")
    op.drop_column("webhook", "failing_since")
    op.drop_index("ix_incident_open", table_name="incident")
    op.drop_table("incident")
