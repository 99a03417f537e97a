-- check: margin_daily.agrees_with_gmv_daily
-- severity: error
-- description: Net sales and discounts agree with gmv_daily for each date and category.
SELECT CAST(business_date AS STRING) AS place, business_date AS day, category AS sample
FROM (
  SELECT business_date, category, net_sales, discounts FROM ${build:gmv_daily}
  UNION ALL
  SELECT business_date, category, -net_sales, -discounts FROM ${build:margin_daily}
)
GROUP BY business_date, category
HAVING SUM(net_sales) != 0 OR SUM(discounts) != 0

-- check: margin_daily.cost_known
-- severity: error
-- description: Only category unknown is without cost of goods.
SELECT CAST(business_date AS STRING) AS place, business_date AS day, category AS sample
FROM ${build:margin_daily}
WHERE (cogs IS NULL) != (category = 'unknown')
