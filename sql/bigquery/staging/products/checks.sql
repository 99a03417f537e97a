-- check: products.unique
-- severity: error
-- description: There is one current version of each sku.
SELECT CAST(NULL AS STRING) AS place, CAST(NULL AS DATE) AS day, sku AS sample
FROM ${staging}.products
WHERE is_current
GROUP BY sku
HAVING COUNT(*) > 1

-- check: products.category
-- severity: error
-- description: No product takes the reserved category unknown, or none.
SELECT CAST(NULL AS STRING) AS place, CAST(NULL AS DATE) AS day, sku AS sample
FROM ${staging}.products
WHERE is_current AND (category = 'unknown' OR category = '')
