-- check: inventory_status.complete
-- severity: error
-- description: Every location and SKU with stock history has its row, with the units of that history.
SELECT CAST(NULL AS STRING) AS place, CAST(NULL AS DATE) AS day, CONCAT(s.location_id, '/', s.sku) AS sample
FROM ${staging}.stock AS s
WHERE NOT EXISTS (
  SELECT 1 FROM ${build:inventory_status} AS b WHERE b.location_id = s.location_id AND b.sku = s.sku AND b.on_hand = s.on_hand
)

-- check: inventory_status.status
-- severity: error
-- description: Nothing on hand is a stockout and nothing else is; what is low has no more than its reorder point.
SELECT CAST(NULL AS STRING) AS place, CAST(NULL AS DATE) AS day, CONCAT(location_id, '/', sku) AS sample
FROM ${build:inventory_status}
WHERE (status = 'stockout') != (on_hand <= 0) OR (status = 'low' AND on_hand > reorder_point)
