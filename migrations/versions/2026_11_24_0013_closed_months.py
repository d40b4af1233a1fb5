"""Reserved: nothing changes yet.

Revises: 0012.
"""

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change nothing."""
    return


def downgrade() -> None:
    """Change nothing."""
    return
