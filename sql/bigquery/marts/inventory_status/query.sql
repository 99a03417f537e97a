SELECT
  location_id,
  sku,
  category,
  on_hand,
  reorder_point,
  avg_daily_units,
  days_of_cover,
  status
FROM ${marts}.inventory_status_v1
