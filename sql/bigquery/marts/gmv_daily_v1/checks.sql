-- check: gmv_daily.unique
-- severity: error
-- description: The grain holds: one row a business_date, customer_type, category, channel, location_id.
SELECT CAST(business_date AS STRING) AS place, business_date AS day, CONCAT(customer_type, ', ', category, ', ', channel, ', ', location_id) AS sample
FROM ${staging}.build_gmv_daily
GROUP BY business_date, customer_type, category, channel, location_id
HAVING COUNT(*) > 1

-- check: gmv_daily.complete
-- severity: error
-- description: Net sales and units of each rebuilt date are those of its lines.
SELECT CAST(business_date AS STRING) AS place, business_date AS day, CAST(business_date AS STRING) AS sample
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
