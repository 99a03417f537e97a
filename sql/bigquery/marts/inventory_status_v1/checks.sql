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
  'Every location and SKU with stock history has its row.'
FROM ${staging}.stock AS s
WHERE NOT EXISTS (
  SELECT 1 FROM ${staging}.build_inventory_status AS b WHERE b.location_id = s.location_id AND b.sku = s.sku
)
