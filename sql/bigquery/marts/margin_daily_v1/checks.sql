SELECT
  'margin_daily.unique' AS check_name,
  'error' AS severity,
  COUNT(*) AS failures,
  CAST(MIN(business_date) AS STRING) AS sample,
  'The grain holds: one row a business_date, category.' AS description
FROM (SELECT business_date, category FROM ${staging}.build_margin_daily GROUP BY business_date, category HAVING COUNT(*) > 1)
UNION ALL
SELECT
  'margin_daily.agrees_with_gmv_daily',
  'error',
  COUNT(*),
  CAST(MIN(business_date) AS STRING),
  'Net sales and discounts agree with gmv_daily for each date and category.'
FROM (
  SELECT business_date, category
  FROM (
    SELECT business_date, category, net_sales, discounts FROM ${staging}.build_gmv_daily
    UNION ALL
    SELECT business_date, category, -net_sales, -discounts FROM ${staging}.build_margin_daily
  )
  GROUP BY business_date, category
  HAVING SUM(net_sales) != 0 OR SUM(discounts) != 0
)
UNION ALL
SELECT
  'margin_daily.cost_known',
  'error',
  COUNT(*),
  STRING_AGG(category, ', ' ORDER BY category LIMIT 5),
  'Only category unknown is without cost of goods.'
FROM ${staging}.build_margin_daily
WHERE (cogs IS NULL) != (category = 'unknown')
