SELECT
  'gmv_daily.unique' AS check_name,
  'error' AS severity,
  COUNT(*) AS failures,
  CAST(MIN(business_date) AS STRING) AS sample,
  'The grain holds: one row a business_date, customer_type, category, channel, location_id.' AS description
FROM (SELECT business_date, customer_type, category, channel, location_id FROM ${staging}.build_gmv_daily GROUP BY business_date, customer_type, category, channel, location_id HAVING COUNT(*) > 1)
UNION ALL
SELECT
  'gmv_daily.complete',
  'error',
  COUNT(*),
  CAST(MIN(business_date) AS STRING),
  'Net sales and units of each rebuilt date are those of its lines.'
FROM (
  SELECT business_date
  FROM (
    SELECT business_date, net_sales, units FROM ${staging}.build_gmv_daily
    UNION ALL
    SELECT
      business_date,
      -IF(quantity > 0, quantity * unit_price - discount, quantity * unit_price + discount),
      -IF(quantity > 0, quantity, 0)
    FROM ${staging}.sales_lines
    WHERE business_date IN UNNEST(build_dates)
  )
  GROUP BY business_date
  HAVING SUM(net_sales) != 0 OR SUM(units) != 0
)
