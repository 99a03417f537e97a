-- check: product_costs.unique
-- severity: error
-- description: There is one current version of each sku and valid_from.
SELECT CAST(NULL AS STRING) AS place, CAST(NULL AS DATE) AS day, sku AS sample
FROM ${staging}.product_costs
WHERE is_current
GROUP BY sku, valid_from
HAVING COUNT(*) > 1

-- check: product_costs.overlap
-- severity: error
-- description: At any instant one cost of a SKU is in force.
SELECT CAST(NULL AS STRING) AS place, CAST(NULL AS DATE) AS day, a.sku AS sample
FROM ${staging}.product_costs AS a
INNER JOIN ${staging}.product_costs AS b
  ON b.sku = a.sku
  AND b.is_current
  AND b.applies_from > a.applies_from
  AND (a.applies_to IS NULL OR b.applies_from < a.applies_to)
WHERE a.is_current

-- check: product_costs.complete
-- severity: error
-- description: Every product has a cost: without it a margin would be understated.
SELECT CAST(NULL AS STRING) AS place, CAST(NULL AS DATE) AS day, p.sku AS sample
FROM ${staging}.products AS p
WHERE p.is_current
  AND NOT EXISTS (SELECT 1 FROM ${staging}.product_costs AS c WHERE c.is_current AND c.sku = p.sku)

-- check: product_costs.ranges
-- severity: error
-- description: No cost is negative.
SELECT CAST(NULL AS STRING) AS place, CAST(NULL AS DATE) AS day, sku AS sample
FROM ${staging}.product_costs
WHERE is_current AND unit_cost < 0
