SELECT
  l.business_date,
  ${customer_type:l, f} AS customer_type,
  COALESCE(p.category, 'unknown') AS category,
  l.channel,
  l.location_id,
  SUM(${gmv:l}) AS gmv,
  SUM(${discounts:l}) AS discounts,
  SUM(${returns:l}) AS returns,
  SUM(${net_sales:l}) AS net_sales,
  COUNT(DISTINCT ${ordered:l}) AS orders,
  CAST(SUM(${units:l}) AS INT64) AS units
FROM ${source:sales_lines} AS l
LEFT JOIN ${source:first_purchase} AS f ON f.customer_id = l.customer_id
LEFT JOIN ${staging}.products AS p ON p.is_current AND p.sku = l.sku
WHERE ${dates:l}
GROUP BY l.business_date, customer_type, category, l.channel, l.location_id
