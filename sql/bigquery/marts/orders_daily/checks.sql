-- check: orders_daily.agrees_with_gmv_daily
-- severity: error
-- description: Distinct orders are at least those of one category, and at most those of all categories together.
SELECT CAST(business_date AS STRING) AS place, business_date AS day, CONCAT(customer_type, ', ', channel, ', ', location_id) AS sample
FROM (
  SELECT business_date, customer_type, channel, location_id, orders, 0 AS most, 0 AS together
  FROM ${build:orders_daily}
  UNION ALL
  SELECT business_date, customer_type, channel, location_id, 0, MAX(orders), SUM(orders)
  FROM ${build:gmv_daily}
  GROUP BY business_date, customer_type, channel, location_id
)
GROUP BY business_date, customer_type, channel, location_id
HAVING SUM(orders) < SUM(most) OR SUM(orders) > SUM(together)
