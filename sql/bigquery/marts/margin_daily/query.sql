SELECT
  business_date,
  category,
  net_sales,
  discounts,
  cogs,
  gross_profit,
  gross_margin
FROM ${marts}.margin_daily_v1
