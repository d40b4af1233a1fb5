"""Reserved: nothing changes yet.

Revises: 0014.
"""

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change nothing."""
    return


def downgrade() -> None:
    """Change nothing."""
    return
