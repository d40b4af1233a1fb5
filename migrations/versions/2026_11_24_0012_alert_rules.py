"""Reserved: nothing changes yet.

Revises: 0011.
"""

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change nothing."""
    return


def downgrade() -> None:
    """Change nothing."""
    return
