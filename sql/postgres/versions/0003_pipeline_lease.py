"""A lease for pipeline runs whose tasks are processes of their own, as Airflow's are.

A runner holds an advisory lock by its connection; between two Airflow tasks there is no connection to hold one.
`holder` names who may take its own run over; null for a runner.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE pipeline_run ADD COLUMN holder text, ADD COLUMN lease_until timestamptz")


def downgrade() -> None:
    op.execute("ALTER TABLE pipeline_run DROP COLUMN holder, DROP COLUMN lease_until")
