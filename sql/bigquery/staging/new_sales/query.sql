-- an event is loaded once: the first body to arrive counts, whatever came before it is a duplicate or a conflict
WITH loaded AS (
  SELECT event_id, body_hash
  FROM ${staging}.event_log
  WHERE publish_date >= DATE_SUB(CURRENT_DATE(), INTERVAL ${raw_retention_days} DAY)
    AND stream = 'sales'
    AND outcome = 'loaded'
  UNION DISTINCT
  -- sent again after the raw tables forgot it: the history knows it, on the business date it names
  SELECT event_id, body_hash
  FROM ${staging}.sales_lines
  WHERE business_date IN UNNEST(${business_dates})
),
ranked AS (
  SELECT
    c.*,
    k.body_hash AS loaded_hash,
    ROW_NUMBER() OVER (PARTITION BY c.event_id ORDER BY c.publish_time, c.message_id, c.body_hash) AS arrival,
    FIRST_VALUE(c.body_hash) OVER (
      PARTITION BY c.event_id ORDER BY c.publish_time, c.message_id, c.body_hash
    ) AS first_hash
  FROM ${staging}.candidate_sales AS c
  LEFT JOIN loaded AS k ON k.event_id = c.event_id
)
SELECT
  event_id, body_hash, publish_date, publish_time, message_id, transaction_id, event_time, business_date, location_id, channel, customer_id, lines,
  CASE
    WHEN loaded_hash IS NULL AND arrival = 1 THEN 'loaded'
    WHEN body_hash = COALESCE(loaded_hash, first_hash) THEN 'duplicate'
    ELSE 'conflict'
  END AS outcome
FROM ranked
