"""The currency and the time zone that the figures of this database are in."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE figures_basis (
            only_row  boolean PRIMARY KEY DEFAULT true CHECK (only_row),
            currency  text NOT NULL,
            timezone  text NOT NULL,
            chosen_at timestamptz NOT NULL DEFAULT now()
        );
        COMMENT ON TABLE figures_basis IS
            'What amounts and business dates are in: a service that is configured otherwise refuses to work.';
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE figures_basis")
