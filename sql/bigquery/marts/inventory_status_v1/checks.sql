SELECT
  'inventory_status.unique' AS check_name,
  'error' AS severity,
  COUNT(*) AS failures,
  CAST(MIN(location_id) AS STRING) AS sample,
  'The grain holds: one row a location_id, sku.' AS description
FROM (SELECT location_id, sku FROM ${staging}.build_inventory_status GROUP BY location_id, sku HAVING COUNT(*) > 1)
UNION ALL
SELECT
  'inventory_status.complete',
  'error',
  COUNT(*),
  STRING_AGG(s.sku, ', ' ORDER BY s.sku LIMIT 5),
  'Every location and SKU with stock history has its row, with the units of that history.'
FROM ${staging}.stock AS s
WHERE NOT EXISTS (
  SELECT 1 FROM ${staging}.build_inventory_status AS b WHERE b.location_id = s.location_id AND b.sku = s.sku AND b.on_hand = s.on_hand
)
UNION ALL
SELECT
  'inventory_status.status',
  'error',
  COUNT(*),
  STRING_AGG(sku, ', ' ORDER BY sku LIMIT 5),
  'Nothing on hand is a stockout and nothing else is; what is low has no more than its reorder point.'
FROM ${staging}.build_inventory_status
WHERE (status = 'stockout') != (on_hand <= 0) OR (status = 'low' AND on_hand > reorder_point)
