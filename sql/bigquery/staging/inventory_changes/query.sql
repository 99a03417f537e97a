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
  '${run_id}' AS run_id
FROM ${staging}.new_inventory
WHERE outcome = 'loaded'
