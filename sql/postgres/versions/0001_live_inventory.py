"""Catalogue, accepted events and live inventory.

Revision: 0001, the first
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Ids are compared bytewise (collation "C") whatever the database's locale: page tokens and the rule "of counts
# at one instant the greatest event_id" must mean the same on every instance.
_CATALOGUE = """
CREATE TABLE product (
    sku           text COLLATE "C" PRIMARY KEY,
    name          text NOT NULL,
    category      text NOT NULL CHECK (category <> 'unknown'),
    style         text,
    size          text,
    colour        text,
    list_price    numeric(16,4) NOT NULL CHECK (list_price >= 0),
    reorder_point integer CHECK (reorder_point >= 0),
    updated_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE product IS 'One row a SKU: its attributes in force. A SKU without a row is of category unknown.';
COMMENT ON COLUMN product.reorder_point IS 'Units at or below which stock is low; null: the stack''s default.';

CREATE TABLE product_cost (
    sku        text COLLATE "C" NOT NULL REFERENCES product,
    valid_from timestamptz NOT NULL,
    unit_cost  numeric(16,4) NOT NULL CHECK (unit_cost >= 0),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (sku, valid_from)
);
COMMENT ON TABLE product_cost IS 'The history of a SKU''s unit cost; a cost holds until the next valid_from.';
COMMENT ON COLUMN product_cost.valid_from IS 'Inclusive; -infinity: always.';

CREATE TABLE location (
    location_id text COLLATE "C" PRIMARY KEY,
    name        text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('warehouse', 'branch')),
    updated_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE location IS 'Warehouses and branches. Events of a location without a row count all the same.';
"""

_EVENTS = """
CREATE TABLE stream_event (
    event_id     uuid PRIMARY KEY,
    stream       text NOT NULL CHECK (stream IN ('sales', 'inventory')),
    event_time   timestamptz NOT NULL,
    publish_time timestamptz NOT NULL,
    recorded_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    body_sha256  bytea NOT NULL
);
CREATE INDEX stream_event_by_publish_time ON stream_event (stream, publish_time);
CREATE INDEX stream_event_by_event_time ON stream_event (stream, event_time);
COMMENT ON TABLE stream_event IS 'One row an accepted event: what makes a second delivery count nothing.';
COMMENT ON COLUMN stream_event.publish_time IS 'When Pub/Sub took the delivery that was applied.';
COMMENT ON COLUMN stream_event.recorded_at IS 'When it was written here; minus publish_time: the stream''s delay.';
COMMENT ON COLUMN stream_event.body_sha256 IS 'Of the event as canonical JSON: tells a repetition from a conflict.';

CREATE TABLE event_conflict (
    event_id     uuid NOT NULL REFERENCES stream_event ON DELETE CASCADE,
    body_sha256  bytea NOT NULL,
    stream       text NOT NULL,
    body         text NOT NULL,
    publish_time timestamptz NOT NULL,
    recorded_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (event_id, body_sha256)
);
COMMENT ON TABLE event_conflict IS
    'A body that came under the event_id of another one, once each. It counts nowhere: the first body does.';

CREATE TABLE movement (
    event_id    uuid NOT NULL REFERENCES stream_event ON DELETE CASCADE,
    line_number integer NOT NULL,
    location_id text COLLATE "C" NOT NULL,
    sku         text COLLATE "C" NOT NULL,
    event_time  timestamptz NOT NULL,
    kind        text NOT NULL CHECK (kind IN
        ('sale', 'return', 'receipt', 'transfer_in', 'transfer_out', 'adjustment', 'count')),
    quantity    bigint NOT NULL,
    reference   text,
    PRIMARY KEY (event_id, line_number)
);
CREATE INDEX movement_by_position ON movement (location_id, sku, event_time, event_id);
COMMENT ON TABLE movement IS 'What an event did to stock: a row a sales line (its number), one (0) an inventory change.';
COMMENT ON COLUMN movement.quantity IS 'Units added to (+) or taken from (-) the location; of a count what was counted.';
COMMENT ON COLUMN movement.reference IS 'The change''s reference, or the sale''s transaction_id.';
"""

_POSITIONS = """
CREATE TABLE on_hand (
    location_id    text COLLATE "C" NOT NULL,
    sku            text COLLATE "C" NOT NULL,
    quantity       bigint NOT NULL DEFAULT 0,
    counted_at     timestamptz,
    count_event_id uuid,
    updated_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (location_id, sku),
    CHECK ((counted_at IS NULL) = (count_event_id IS NULL))
) WITH (fillfactor = 80);  -- room on the page: an update of a quantity touches no index
CREATE INDEX on_hand_by_sku ON on_hand (sku, location_id);
COMMENT ON TABLE on_hand IS 'One row for each location and SKU that ever had an event: the latest count plus later movements.';
COMMENT ON COLUMN on_hand.counted_at IS 'event_time of the latest count; null: never counted, the sum is from 0.';

CREATE TABLE daily_units (
    location_id     text COLLATE "C" NOT NULL,
    sku             text COLLATE "C" NOT NULL,
    business_date   date NOT NULL,
    sold            bigint NOT NULL DEFAULT 0,
    transferred_out bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (location_id, sku, business_date)
) WITH (fillfactor = 80);
COMMENT ON TABLE daily_units IS 'Units that left a location on a date of the business''s time zone; for average daily units.';
COMMENT ON COLUMN daily_units.sold IS 'Sum of positive sale quantities; returns do not reduce it.';
"""


def upgrade() -> None:
    op.execute(_CATALOGUE)
    op.execute(_EVENTS)
    op.execute(_POSITIONS)


def downgrade() -> None:
    raise NotImplementedError("expand and contract: write the next migration instead")
