"""Reserved: nothing changes yet.

Revises: 0015.
"""

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change nothing."""
    return


def downgrade() -> None:
    """Change nothing."""
    return
