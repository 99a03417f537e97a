WITH moved_out AS (
  SELECT location_id, sku, SUM(units) AS units
  FROM (
    SELECT location_id, sku, quantity AS units
    FROM ${source:sales_lines}
    WHERE business_date BETWEEN DATE_SUB(CURRENT_DATE('${timezone}'), INTERVAL 28 DAY)
      AND DATE_SUB(CURRENT_DATE('${timezone}'), INTERVAL 1 DAY)
      AND quantity > 0
    UNION ALL
    SELECT location_id, sku, -quantity AS units
    FROM ${source:inventory_changes}
    WHERE business_date BETWEEN DATE_SUB(CURRENT_DATE('${timezone}'), INTERVAL 28 DAY)
      AND DATE_SUB(CURRENT_DATE('${timezone}'), INTERVAL 1 DAY)
      AND kind = 'transfer_out'
  )
  GROUP BY location_id, sku
),
measured AS (
  SELECT
    s.location_id,
    s.sku,
    COALESCE(p.category, 'unknown') AS category,
    s.on_hand,
    COALESCE(p.reorder_point, ${reorder_point}) AS reorder_point,
    CAST(COALESCE(m.units, 0) AS INT64) AS units
  FROM ${source:stock} AS s
  LEFT JOIN ${staging}.products AS p ON p.is_current AND p.sku = s.sku
  LEFT JOIN moved_out AS m ON m.location_id = s.location_id AND m.sku = s.sku
)
SELECT
  location_id,
  sku,
  category,
  on_hand,
  reorder_point,
  ${ratio:CAST(units AS NUMERIC), 28} AS avg_daily_units,
  -- from the exact average: dividing by the rounded one would round twice
  ${ratio:CAST(on_hand * 28 AS NUMERIC), units} AS days_of_cover,
  CASE
    WHEN on_hand <= 0 THEN 'stockout'
    WHEN on_hand <= reorder_point THEN 'low'
    WHEN units = 0 OR on_hand * 28 > ${max_days_of_cover} * units THEN 'overstock'
    ELSE 'ok'
  END AS status
FROM measured
