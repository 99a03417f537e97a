"""Tables of their own for the trade of `fastyle verify`.

The ledger writes verification events by its usual statements, with this schema in the place of `public`: what reads
the tables of the trade cannot count them. A migration that changes one of the five tables changes both of its kind.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = ("stream_event", "event_conflict", "movement", "on_hand", "daily_units")


def upgrade() -> None:
    op.execute("CREATE SCHEMA verification")
    op.execute("COMMENT ON SCHEMA verification IS 'Live inventory of `fastyle verify`''s own trade: in no figure.'")
    for table in TABLES:
        op.execute(f"CREATE TABLE verification.{table} (LIKE public.{table} INCLUDING ALL)")


def downgrade() -> None:
    op.execute("DROP SCHEMA verification CASCADE")
