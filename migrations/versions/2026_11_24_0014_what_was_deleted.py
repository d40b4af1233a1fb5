"""Reserved: nothing changes yet.

Revises: 0013.
"""

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change nothing."""
    return


def downgrade() -> None:
    """Change nothing."""
    return
