-- an event is loaded once: the first body to arrive counts, whatever came before it is a duplicate or a conflict
WITH logged AS (
  SELECT stream, event_id, body_hash
  FROM ${staging}.event_log
  WHERE publish_date >= DATE_SUB(CURRENT_DATE(), INTERVAL ${raw_retention_days} DAY)
    AND outcome = 'loaded'
),
loaded AS (
  SELECT event_id, body_hash FROM logged WHERE stream = '%(stream)s'
  UNION DISTINCT
  -- sent again after the raw tables forgot it: the history knows it, on the business date it names
  SELECT event_id, body_hash
  FROM ${staging}.%(history)s
  WHERE business_date IN UNNEST(${business_dates})
),
ranked AS (
  SELECT
    c.*,
    k.body_hash AS loaded_hash,
    -- an event_id is one over all streams: it counts where it counted first
    EXISTS (
      SELECT 1 FROM ${staging}.shared_events AS b WHERE b.event_id = c.event_id AND b.counts_in != '%(stream)s'
    )
      OR EXISTS (
        SELECT 1 FROM logged AS o WHERE o.stream != '%(stream)s' AND o.event_id = c.event_id
      ) AS is_elsewhere,
    ROW_NUMBER() OVER (PARTITION BY c.event_id ORDER BY c.publish_time, c.message_id, c.body_hash) AS arrival,
    FIRST_VALUE(c.body_hash) OVER (
      PARTITION BY c.event_id ORDER BY c.publish_time, c.message_id, c.body_hash
    ) AS first_hash
  FROM ${staging}.candidate_%(stream)s AS c
  LEFT JOIN loaded AS k ON k.event_id = c.event_id
  WHERE c.refusal IS NULL
)
SELECT
  r.body_hash,
  r.publish_date,
  r.publish_time,
  r.message_id,
  r.published_at,
  r.business_date,
  %(fields:r)s,
  CASE
    WHEN r.loaded_hash IS NULL AND r.is_elsewhere THEN 'conflict'
    WHEN r.loaded_hash IS NULL AND r.arrival = 1 THEN 'loaded'
    WHEN r.body_hash = COALESCE(r.loaded_hash, r.first_hash) THEN 'duplicate'
    ELSE 'conflict'
  END AS outcome
FROM ranked AS r
