"""The business dates that were published as complete, and which of them late data changed since."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE report_day (
            business_date      date PRIMARY KEY,
            first_published_at timestamptz NOT NULL,
            revised_at         timestamptz
        );
        COMMENT ON TABLE report_day IS 'One row a business date that a publication gave as over, with sales or without.';
        COMMENT ON COLUMN report_day.first_published_at IS
            'The first publication by a run that began after the date was over.';
        COMMENT ON COLUMN report_day.revised_at IS
            'The last later publication that changed the figures of the date; null: none did.';
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE report_day")
