-- an event is loaded once: the first body to arrive counts, whatever comes after it is a duplicate or a conflict
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
settled AS (
  SELECT
    c.*,
    k.body_hash AS loaded_hash,
    -- an event_id is one over all streams: it counts where it counted first, with the body that live inventory recorded
    EXISTS (
      SELECT 1
      FROM ${staging}.shared_events AS b
      WHERE b.event_id = c.event_id AND (b.counts_in != '%(stream)s' OR b.body_hash = c.body_hash)
    )
      OR EXISTS (
        SELECT 1 FROM logged AS o WHERE o.stream != '%(stream)s' AND o.event_id = c.event_id
      ) AS is_overruled
  FROM ${staging}.candidate_%(stream)s AS c
  LEFT JOIN loaded AS k ON k.event_id = c.event_id
  WHERE c.refusal IS NULL
),
ranked AS (
  SELECT
    s.*,
    ROW_NUMBER() OVER (
      PARTITION BY s.event_id ORDER BY s.is_overruled, s.publish_time, s.message_id, s.body_hash
    ) AS arrival,
    FIRST_VALUE(s.body_hash) OVER (
      PARTITION BY s.event_id ORDER BY s.is_overruled, s.publish_time, s.message_id, s.body_hash
    ) AS first_hash
  FROM settled AS s
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
    WHEN r.loaded_hash IS NULL AND r.is_overruled THEN 'conflict'
    WHEN r.loaded_hash IS NULL AND r.arrival = 1 THEN 'loaded'
    WHEN r.body_hash = COALESCE(r.loaded_hash, r.first_hash) THEN 'duplicate'
    ELSE 'conflict'
  END AS outcome
FROM ranked AS r
