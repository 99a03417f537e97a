SELECT
  business_date,
  customer_type,
  category,
  channel,
  location_id,
  gmv,
  discounts,
  returns,
  net_sales,
  orders,
  units
FROM ${marts}.gmv_daily_v1
