"""Who signs in from elsewhere, and what a token is for.

Revises: 0008. Expands only; every new column may be null.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
COLUMNS = (("issuer", sa.String(length=500)), ("subject", sa.String(length=255)), ("claimed_at", INSTANT))
INDEX = "ix_officer_issuer_subject"


def upgrade() -> None:
    for name, kind in COLUMNS:
        op.add_column("officer", sa.Column(name, kind, nullable=True))
    # An index instead of a constraint: SQLite would have to write the table anew.
    op.create_index(INDEX, "officer", ["issuer", "subject"], unique=True)
    op.add_column("api_token", sa.Column("scopes", JSON, nullable=True))


def downgrade() -> None:
    op.drop_column("api_token", "scopes")
    op.drop_index(INDEX, table_name="officer")
    for name, _ in reversed(COLUMNS):
        op.drop_column("officer", name)
