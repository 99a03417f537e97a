SELECT
  l.business_date,
  ${customer_type:l, f} AS customer_type,
  l.channel,
  l.location_id,
  COUNT(DISTINCT ${ordered:l}) AS orders
FROM ${source:sales_lines} AS l
LEFT JOIN ${source:first_purchase} AS f ON f.customer_id = l.customer_id
WHERE ${dates:l} AND l.quantity > 0
GROUP BY l.business_date, customer_type, l.channel, l.location_id
