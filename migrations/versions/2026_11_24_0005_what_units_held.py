"""What units held: the seconds of a citizen's wait that each ended stint had.

Revises: 0004. Expands only; stints that ended before have none until their complaint is folded again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("stint", sa.Column("held_s", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("stint", "held_s")
