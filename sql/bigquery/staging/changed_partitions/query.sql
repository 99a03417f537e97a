WITH counted AS (
  SELECT 'sales' AS stream, DATE(publish_time) AS publish_date, COUNT(*) AS row_count
  FROM ${raw}.sales_transactions
  WHERE publish_time >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL ${raw_retention_days} DAY)
  GROUP BY publish_date
  UNION ALL
  SELECT 'inventory' AS stream, DATE(publish_time) AS publish_date, COUNT(*) AS row_count
  FROM ${raw}.inventory_changes
  WHERE publish_time >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL ${raw_retention_days} DAY)
  GROUP BY publish_date
)
SELECT c.stream, c.publish_date, c.row_count
FROM counted AS c
LEFT JOIN ${staging}.raw_counts AS seen
  ON seen.stream = c.stream AND seen.publish_date = c.publish_date
WHERE seen.row_count IS NULL OR seen.row_count != c.row_count
