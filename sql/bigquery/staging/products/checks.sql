SELECT
  'products.unique' AS check_name,
  'error' AS severity,
  COUNT(*) AS failures,
  STRING_AGG(sku, ', ' ORDER BY sku LIMIT 5) AS sample,
  'There is one current version of each sku.' AS description
FROM (
  SELECT sku
  FROM ${staging}.products
  WHERE is_current
  GROUP BY sku
  HAVING COUNT(*) > 1
)
UNION ALL
SELECT
  'products.category',
  'error',
  COUNT(*),
  STRING_AGG(sku, ', ' ORDER BY sku LIMIT 5),
  'No product takes the reserved category unknown, or none.'
FROM ${staging}.products
WHERE is_current AND (category = 'unknown' OR category = '')
