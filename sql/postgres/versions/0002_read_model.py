"""The read model that a publication writes, the pipeline's run history and its quality results.

The API reads these tables only: no request waits for BigQuery or pays for a scan. Every row of a report carries the
`publication_id` it came with; a publication replaces the rows of its business dates in one transaction.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

UPGRADE = """
CREATE TABLE pipeline_run (
    run_id         text PRIMARY KEY,
    kind           text NOT NULL CHECK (kind IN ('run', 'replay')),
    state          text NOT NULL CHECK (state IN ('running', 'succeeded', 'stopped', 'failed', 'incomplete')),
    request        jsonb NOT NULL DEFAULT '{}',
    started_at     timestamptz NOT NULL DEFAULT now(),
    finished_at    timestamptz,
    publication_id text,
    error          text,
    report         jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX pipeline_run_started_at ON pipeline_run (started_at DESC);

CREATE TABLE report_publication (
    publication_id text PRIMARY KEY,
    run_id         text NOT NULL,
    published_at   timestamptz NOT NULL,
    as_of          timestamptz
);
CREATE INDEX report_publication_published_at ON report_publication (published_at DESC);

CREATE TABLE report_gmv_daily (
    business_date  date NOT NULL,
    customer_type  text NOT NULL,
    category       text NOT NULL,
    channel        text NOT NULL,
    location_id    text NOT NULL,
    gmv            numeric NOT NULL,
    discounts      numeric NOT NULL,
    returns        numeric NOT NULL,
    net_sales      numeric NOT NULL,
    orders         bigint NOT NULL,
    units          bigint NOT NULL,
    publication_id text NOT NULL,
    PRIMARY KEY (business_date, customer_type, category, channel, location_id)
);

CREATE TABLE report_orders_daily (
    business_date  date NOT NULL,
    customer_type  text NOT NULL,
    channel        text NOT NULL,
    location_id    text NOT NULL,
    orders         bigint NOT NULL,
    publication_id text NOT NULL,
    PRIMARY KEY (business_date, customer_type, channel, location_id)
);

CREATE TABLE report_margin_daily (
    business_date  date NOT NULL,
    category       text NOT NULL,
    net_sales      numeric NOT NULL,
    discounts      numeric NOT NULL,
    cogs           numeric,
    gross_profit   numeric,
    gross_margin   numeric,
    publication_id text NOT NULL,
    PRIMARY KEY (business_date, category)
);

CREATE TABLE quality_result (
    run_id      text NOT NULL,
    checked_at  timestamptz NOT NULL,
    check_name  text NOT NULL,
    table_name  text NOT NULL,
    severity    text NOT NULL CHECK (severity IN ('error', 'warn')),
    status      text NOT NULL CHECK (status IN ('pass', 'fail')),
    failures    bigint NOT NULL,
    sample      text,
    description text NOT NULL,
    PRIMARY KEY (run_id, check_name)
);
CREATE INDEX quality_result_checked_at ON quality_result (checked_at DESC);
"""

DOWNGRADE = """
DROP TABLE quality_result, report_margin_daily, report_orders_daily, report_gmv_daily, report_publication, pipeline_run;
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute(DOWNGRADE)
