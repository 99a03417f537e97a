SELECT
  'stock.unique' AS check_name,
  'error' AS severity,
  COUNT(*) AS failures,
  STRING_AGG(CONCAT(location_id, '/', sku), ', ' ORDER BY location_id, sku LIMIT 5) AS sample,
  'A location and SKU has one row.' AS description
FROM (SELECT location_id, sku FROM ${staging}.stock GROUP BY location_id, sku HAVING COUNT(*) > 1)
