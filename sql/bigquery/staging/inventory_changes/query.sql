SELECT
  event_id,
  event_time,
  business_date,
  location_id,
  sku,
  kind,
  quantity,
  reference,
  body_hash,
  '${run_id}' AS run_id,
  published_at
FROM ${staging}.new_inventory
WHERE outcome = 'loaded'
