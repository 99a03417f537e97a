SELECT
  n.event_id,
  l.line_number,
  n.transaction_id,
  n.event_time,
  n.business_date,
  n.location_id,
  n.channel,
  n.customer_id,
  l.sku,
  l.quantity,
  l.unit_price,
  l.discount,
  n.body_hash,
  '${run_id}' AS run_id,
  n.published_at
FROM ${staging}.new_sales AS n
CROSS JOIN UNNEST(n.lines) AS l
WHERE n.outcome = 'loaded'
