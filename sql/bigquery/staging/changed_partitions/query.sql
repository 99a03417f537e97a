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
),
-- refused by another rule than today's: to be judged again
refused AS (
  SELECT DISTINCT stream, publish_date
  FROM ${staging}.quarantine
  WHERE publish_date >= DATE_SUB(CURRENT_DATE(), INTERVAL ${raw_retention_days} DAY)
    AND rule != IF(stream = 'sales', '${rule:sales}', '${rule:inventory}')
)
SELECT c.stream, c.publish_date, c.row_count
FROM counted AS c
LEFT JOIN ${staging}.raw_counts AS seen
  ON seen.stream = c.stream AND seen.publish_date = c.publish_date
LEFT JOIN refused AS again ON again.stream = c.stream AND again.publish_date = c.publish_date
WHERE again.stream IS NOT NULL OR seen.row_count IS NULL OR seen.row_count != c.row_count
