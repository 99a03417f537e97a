"""Streams and kinds of movement that the contract alone lists.

`inventory-sync` writes what `validate` passed: the schema of a stream says which kinds there are (`symbols` in
workloads/events/streams), and its folder that there is such a stream. A second list here would refuse the events of a
kind or a stream that joined there, for ever.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_LISTS = {
    ("stream_event", "stream"): "'sales', 'inventory'",
    ("movement", "kind"): "'sale', 'return', 'receipt', 'transfer_in', 'transfer_out', 'adjustment', 'count'",
}


def upgrade() -> None:
    for schema in ("public", "verification"):
        for table, column in _LISTS:
            op.execute(f"ALTER TABLE {schema}.{table} DROP CONSTRAINT {table}_{column}_check")
    op.execute("COMMENT ON COLUMN stream_event.stream IS 'Key of the stream, as workloads/events/streams has it.'")
    op.execute("COMMENT ON COLUMN movement.kind IS '`sale`, `return`, or the kind of the inventory change.'")


def downgrade() -> None:
    for schema in ("public", "verification"):
        for (table, column), listed in _LISTS.items():
            op.execute(
                f"ALTER TABLE {schema}.{table} ADD CONSTRAINT {table}_{column}_check CHECK ({column} IN ({listed}))"
            )
