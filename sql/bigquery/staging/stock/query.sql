WITH new_movements AS (
  SELECT location_id, sku, event_time, business_date, quantity
  FROM ${source:new_inventory}
  WHERE outcome = 'loaded' AND kind != 'count'
  UNION ALL
  SELECT n.location_id, l.sku, n.event_time, n.business_date, -l.quantity AS quantity
  FROM ${source:new_sales} AS n
  CROSS JOIN UNNEST(n.lines) AS l
  WHERE n.outcome = 'loaded'
),
new_counts AS (
  SELECT c.location_id, c.sku, c.event_time, c.event_id, c.quantity
  FROM ${source:new_inventory} AS c
  -- in a run of the pipeline these are all counts; between runs an older one needs more history than is read, unless the
  -- shelf is new and has none
  WHERE c.outcome = 'loaded'
    AND c.kind = 'count'
    AND (
      ${history_from} <= c.business_date
      OR NOT EXISTS (SELECT 1 FROM ${staging}.stock AS s WHERE s.location_id = c.location_id AND s.sku = c.sku)
    )
  QUALIFY ROW_NUMBER() OVER (PARTITION BY c.location_id, c.sku ORDER BY c.event_time DESC, c.event_id DESC) = 1
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
  UNION ALL
  -- of a new shelf these are the rest of its history
  SELECT location_id, sku, event_time, quantity
  FROM new_movements
  WHERE business_date < ${history_from}
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
