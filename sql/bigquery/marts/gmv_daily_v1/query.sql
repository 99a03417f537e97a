SELECT
  l.business_date,
  CASE
    WHEN l.customer_id IS NULL THEN 'guest'
    WHEN f.transaction_id = l.transaction_id AND f.event_time = l.event_time THEN 'new'
    ELSE 'returning'
  END AS customer_type,
  COALESCE(p.category, 'unknown') AS category,
  l.channel,
  l.location_id,
  SUM(IF(l.quantity > 0, l.quantity * l.unit_price - l.discount, 0)) AS gmv,
  SUM(IF(l.quantity > 0, l.discount, 0)) AS discounts,
  SUM(IF(l.quantity < 0, -l.quantity * l.unit_price - l.discount, 0)) AS returns,
  SUM(IF(l.quantity > 0, l.quantity * l.unit_price - l.discount, l.quantity * l.unit_price + l.discount)) AS net_sales,
  COUNT(DISTINCT IF(l.quantity > 0, l.transaction_id, NULL)) AS orders,
  CAST(SUM(IF(l.quantity > 0, l.quantity, 0)) AS INT64) AS units
FROM ${source:sales_lines} AS l
LEFT JOIN ${source:first_purchase} AS f ON f.customer_id = l.customer_id
LEFT JOIN ${staging}.products AS p ON p.is_current AND p.sku = l.sku
WHERE ${dates:l}
GROUP BY l.business_date, customer_type, category, l.channel, l.location_id
