-- check: stock.unique
-- severity: error
-- description: A location and SKU has one row.
SELECT CAST(NULL AS STRING) AS place, CAST(NULL AS DATE) AS day, CONCAT(location_id, '/', sku) AS sample
FROM ${staging}.stock
GROUP BY location_id, sku
HAVING COUNT(*) > 1
