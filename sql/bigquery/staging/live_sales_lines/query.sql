SELECT transaction_id, event_time, business_date, location_id, channel, customer_id, sku, quantity, unit_price, discount
FROM ${staging}.sales_lines
WHERE business_date >= DATE '2010-01-01'
UNION ALL
SELECT
  n.transaction_id,
  n.event_time,
  n.business_date,
  n.location_id,
  n.channel,
  n.customer_id,
  l.sku,
  l.quantity,
  l.unit_price,
  l.discount
FROM ${staging}.live_new_sales AS n
CROSS JOIN UNNEST(n.lines) AS l
