WITH new_movements AS (
  SELECT location_id, sku, event_time, quantity
  FROM ${source:new_inventory}
  WHERE outcome = 'loaded' AND kind != 'count'
  UNION ALL
  SELECT n.location_id, l.sku, n.event_time, -l.quantity AS quantity
  FROM ${source:new_sales} AS n
  CROSS JOIN UNNEST(n.lines) AS l
  WHERE n.outcome = 'loaded'
),
new_counts AS (
  SELECT location_id, sku, event_time, event_id, quantity
  FROM ${source:new_inventory}
  -- in a run of the pipeline these are all counts; between runs a count needs more history than is read
  WHERE outcome = 'loaded' AND kind = 'count' AND ${history_from} <= business_date
  QUALIFY ROW_NUMBER() OVER (PARTITION BY location_id, sku ORDER BY event_time DESC, event_id DESC) = 1
),
-- a count later than the one in force makes the movements after it the only ones that matter
rebased AS (
  SELECT c.location_id, c.sku, c.event_time, c.event_id, c.quantity
  FROM new_counts AS c
  LEFT JOIN ${staging}.stock AS s ON s.location_id = c.location_id AND s.sku = c.sku
  WHERE s.count_time IS NULL
    OR c.event_time > s.count_time
    OR (c.event_time = s.count_time AND c.event_id > s.count_event_id)
),
history AS (
  SELECT location_id, sku, event_time, quantity
  FROM ${source:inventory_changes}
  WHERE business_date >= ${history_from} AND kind != 'count'
  UNION ALL
  SELECT location_id, sku, event_time, -quantity AS quantity
  FROM ${source:sales_lines}
  WHERE business_date >= ${history_from}
),
counted AS (
  SELECT
    r.location_id,
    r.sku,
    r.event_time AS count_time,
    r.event_id AS count_event_id,
    r.quantity AS count_quantity,
    CAST(COALESCE(SUM(h.quantity), 0) AS INT64) AS moved
  FROM rebased AS r
  LEFT JOIN history AS h
    ON h.location_id = r.location_id AND h.sku = r.sku AND h.event_time > r.event_time
  GROUP BY r.location_id, r.sku, r.event_time, r.event_id, r.quantity
),
touched AS (
  SELECT location_id, sku FROM new_movements
  UNION DISTINCT
  SELECT location_id, sku FROM new_counts
),
moved AS (
  SELECT
    t.location_id,
    t.sku,
    s.count_time,
    s.count_event_id,
    s.count_quantity,
    CAST(COALESCE(s.moved, 0) + COALESCE(SUM(m.quantity), 0) AS INT64) AS moved
  FROM touched AS t
  LEFT JOIN ${staging}.stock AS s ON s.location_id = t.location_id AND s.sku = t.sku
  LEFT JOIN new_movements AS m
    ON m.location_id = t.location_id
    AND m.sku = t.sku
    AND (s.count_time IS NULL OR m.event_time > s.count_time)
  WHERE NOT EXISTS (SELECT 1 FROM rebased AS r WHERE r.location_id = t.location_id AND r.sku = t.sku)
  GROUP BY t.location_id, t.sku, s.count_time, s.count_event_id, s.count_quantity, s.moved
)
SELECT
  location_id,
  sku,
  count_time,
  count_event_id,
  count_quantity,
  moved,
  COALESCE(count_quantity, 0) + moved AS on_hand,
  '${run_id}' AS run_id
FROM (SELECT * FROM counted UNION ALL SELECT * FROM moved)
