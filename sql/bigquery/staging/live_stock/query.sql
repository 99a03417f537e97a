WITH changed AS (
  ${live:staging.stock}
)
SELECT location_id, sku, on_hand FROM changed
UNION ALL
SELECT s.location_id, s.sku, s.on_hand
FROM ${staging}.stock AS s
WHERE NOT EXISTS (SELECT 1 FROM changed AS c WHERE c.location_id = s.location_id AND c.sku = s.sku)
