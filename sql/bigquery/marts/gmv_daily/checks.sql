-- check: gmv_daily.complete
-- severity: error
-- description: Net sales and units of each rebuilt date are those of its lines.
SELECT CAST(business_date AS STRING) AS place, business_date AS day, CAST(business_date AS STRING) AS sample
FROM (
  SELECT business_date, net_sales, units FROM ${build:gmv_daily}
  UNION ALL
  SELECT l.business_date, -${net_sales:l}, -${units:l}
  FROM ${staging}.sales_lines AS l
  WHERE l.business_date IN UNNEST(build_dates)
)
GROUP BY business_date
HAVING SUM(net_sales) != 0 OR SUM(units) != 0
