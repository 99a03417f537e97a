"""Data quality faults with their beginning and end, and the waivers that let one pass."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

UPGRADE = """
CREATE TABLE quality_fault (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    check_name    text NOT NULL,
    place         text NOT NULL,
    table_name    text NOT NULL,
    severity      text NOT NULL CHECK (severity IN ('error', 'warn')),
    description   text NOT NULL,
    day           date,
    failures      bigint NOT NULL,
    sample        text,
    first_seen    timestamptz NOT NULL,
    last_seen     timestamptz NOT NULL,
    examined_at   timestamptz NOT NULL,
    ended_at      timestamptz,
    waived_until  date,
    waived_reason text,
    waived_at     timestamptz,
    first_run_id  text NOT NULL,
    last_run_id   text NOT NULL
);
CREATE UNIQUE INDEX quality_fault_open ON quality_fault (check_name, place) WHERE ended_at IS NULL;
CREATE INDEX quality_fault_first_seen ON quality_fault (first_seen DESC);
COMMENT ON TABLE quality_fault IS 'What a check found wrong at a place, until a run that looked there again did not.';
COMMENT ON COLUMN quality_fault.place IS 'A business date, a SKU, a location or a stream; empty: the table as a whole.';
COMMENT ON COLUMN quality_fault.day IS 'A business date on which it can be looked for again; null: each run does.';
COMMENT ON COLUMN quality_fault.examined_at IS 'When a run last looked there, whatever it found.';

CREATE TABLE quality_waiver (
    fault_id     bigint NOT NULL REFERENCES quality_fault ON DELETE CASCADE,
    waived_until date NOT NULL,
    reason       text NOT NULL,
    waived_at    timestamptz NOT NULL DEFAULT now(),
    waived_by    text NOT NULL DEFAULT current_user
);
CREATE INDEX quality_waiver_fault ON quality_waiver (fault_id);
COMMENT ON TABLE quality_waiver IS 'Every waiver that was given, the newest of which holds.';
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute("DROP TABLE quality_waiver, quality_fault")
