SELECT
  l.business_date,
  CASE
    WHEN l.customer_id IS NULL THEN 'guest'
    WHEN f.transaction_id = l.transaction_id AND f.event_time = l.event_time THEN 'new'
    ELSE 'returning'
  END AS customer_type,
  l.channel,
  l.location_id,
  COUNT(DISTINCT l.transaction_id) AS orders
FROM ${source:sales_lines} AS l
LEFT JOIN ${source:first_purchase} AS f ON f.customer_id = l.customer_id
WHERE ${dates:l} AND l.quantity > 0
GROUP BY l.business_date, customer_type, l.channel, l.location_id
