-- an event is loaded once: the first body to arrive counts, whatever came before it is a duplicate or a conflict
WITH logged AS (
  SELECT stream, event_id, body_hash
  FROM ${staging}.event_log
  WHERE publish_date >= DATE_SUB(CURRENT_DATE(), INTERVAL ${raw_retention_days} DAY)
    AND outcome = 'loaded'
),
loaded AS (
  SELECT event_id, body_hash FROM logged WHERE stream = 'inventory'
  UNION DISTINCT
  -- sent again after the raw tables forgot it: the history knows it, on the business date it names
  SELECT event_id, body_hash
  FROM ${staging}.inventory_changes
  WHERE business_date IN UNNEST(${business_dates})
),
ranked AS (
  SELECT
    c.*,
    k.body_hash AS loaded_hash,
    -- an event_id is one over both streams: it counts where it counted first
    EXISTS (
      SELECT 1 FROM ${staging}.shared_events AS b WHERE b.event_id = c.event_id AND b.counts_in != 'inventory'
    )
      OR EXISTS (SELECT 1 FROM logged AS o WHERE o.stream != 'inventory' AND o.event_id = c.event_id) AS is_elsewhere,
    ROW_NUMBER() OVER (PARTITION BY c.event_id ORDER BY c.publish_time, c.message_id, c.body_hash) AS arrival,
    FIRST_VALUE(c.body_hash) OVER (
      PARTITION BY c.event_id ORDER BY c.publish_time, c.message_id, c.body_hash
    ) AS first_hash
  FROM ${staging}.candidate_inventory AS c
  LEFT JOIN loaded AS k ON k.event_id = c.event_id
  WHERE c.reason IS NULL
)
SELECT
  event_id, body_hash, publish_date, publish_time, message_id, event_time, business_date, location_id, sku, kind, quantity, reference,
  published_at,
  CASE
    WHEN loaded_hash IS NULL AND is_elsewhere THEN 'conflict'
    WHEN loaded_hash IS NULL AND arrival = 1 THEN 'loaded'
    WHEN body_hash = COALESCE(loaded_hash, first_hash) THEN 'duplicate'
    ELSE 'conflict'
  END AS outcome
FROM ranked
