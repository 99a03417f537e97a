SELECT
  'product_costs.unique' AS check_name,
  'error' AS severity,
  COUNT(*) AS failures,
  STRING_AGG(sku, ', ' ORDER BY sku LIMIT 5) AS sample,
  'There is one current version of each sku and valid_from.' AS description
FROM (
  SELECT sku
  FROM ${staging}.product_costs
  WHERE is_current
  GROUP BY sku, valid_from
  HAVING COUNT(*) > 1
)
UNION ALL
SELECT
  'product_costs.overlap',
  'error',
  COUNT(*),
  STRING_AGG(sku, ', ' ORDER BY sku LIMIT 5),
  'At any instant one cost of a SKU is in force.'
FROM (
  SELECT a.sku
  FROM ${staging}.product_costs AS a
  INNER JOIN ${staging}.product_costs AS b
    ON b.sku = a.sku
    AND b.is_current
    AND b.applies_from > a.applies_from
    AND (a.applies_to IS NULL OR b.applies_from < a.applies_to)
  WHERE a.is_current
)
UNION ALL
SELECT
  'product_costs.complete',
  'error',
  COUNT(*),
  STRING_AGG(p.sku, ', ' ORDER BY p.sku LIMIT 5),
  'Every product has a cost: without it a margin would be understated.'
FROM ${staging}.products AS p
WHERE p.is_current
  AND NOT EXISTS (SELECT 1 FROM ${staging}.product_costs AS c WHERE c.is_current AND c.sku = p.sku)
UNION ALL
SELECT
  'product_costs.ranges',
  'error',
  COUNT(*),
  STRING_AGG(sku, ', ' ORDER BY sku LIMIT 5),
  'No cost is negative.'
FROM ${staging}.product_costs
WHERE is_current AND unit_cost < 0
