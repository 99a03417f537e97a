SELECT
  'inventory_changes.unique' AS check_name,
  'error' AS severity,
  COUNT(*) AS failures,
  STRING_AGG(event_id, ', ' ORDER BY event_id LIMIT 5) AS sample,
  'An event_id stands once in the history.' AS description
FROM (
  SELECT event_id
  FROM ${staging}.inventory_changes
  WHERE business_date IN UNNEST(${inventory_dates})
  GROUP BY event_id
  HAVING COUNT(*) > 1
)
UNION ALL
SELECT
  'inventory_changes.ranges',
  'error',
  COUNT(*),
  STRING_AGG(event_id, ', ' ORDER BY event_id LIMIT 5),
  'Receipts and transfers in are positive, transfers out negative, adjustments not 0, counts not negative.'
FROM ${staging}.new_inventory
WHERE NOT (
  (kind IN ('receipt', 'transfer_in') AND quantity > 0)
  OR (kind = 'transfer_out' AND quantity < 0)
  OR (kind = 'adjustment' AND quantity != 0)
  OR (kind = 'count' AND quantity >= 0)
)
UNION ALL
SELECT
  'inventory_changes.sku_known',
  'warn',
  COUNT(DISTINCT n.sku),
  STRING_AGG(DISTINCT n.sku, ', ' ORDER BY n.sku LIMIT 5),
  'The catalogue knows every SKU of this run that moved.'
FROM ${staging}.new_inventory AS n
WHERE NOT EXISTS (SELECT 1 FROM ${staging}.products AS p WHERE p.is_current AND p.sku = n.sku)
UNION ALL
SELECT
  'inventory_changes.location_known',
  'warn',
  COUNT(DISTINCT n.location_id),
  STRING_AGG(DISTINCT n.location_id, ', ' ORDER BY n.location_id LIMIT 5),
  'The catalogue knows every location of this run where stock moved.'
FROM ${staging}.new_inventory AS n
WHERE NOT EXISTS (SELECT 1 FROM ${staging}.locations AS p WHERE p.is_current AND p.location_id = n.location_id)
UNION ALL
SELECT
  'inventory_changes.event_time',
  'warn',
  COUNT(*),
  STRING_AGG(event_id, ', ' ORDER BY event_id LIMIT 5),
  'No change of this run is from before 2010, or later than 10 minutes after it was published.'
FROM ${staging}.new_inventory
WHERE event_time < TIMESTAMP '2010-01-01 00:00:00+00' OR event_time > TIMESTAMP_ADD(publish_time, INTERVAL 10 MINUTE)
