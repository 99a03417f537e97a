WITH counted AS (
  ${each}
),
-- refused by another rule than today's: to be judged again
refused AS (
  SELECT DISTINCT stream, publish_date
  FROM ${staging}.quarantine
  WHERE publish_date >= DATE_SUB(CURRENT_DATE(), INTERVAL ${raw_retention_days} DAY)
    AND rule != ${rule_of:stream}
)
SELECT c.stream, c.publish_date, c.row_count
FROM counted AS c
LEFT JOIN ${staging}.raw_counts AS seen
  ON seen.stream = c.stream AND seen.publish_date = c.publish_date
LEFT JOIN refused AS again ON again.stream = c.stream AND again.publish_date = c.publish_date
WHERE again.stream IS NOT NULL OR seen.row_count IS NULL OR seen.row_count != c.row_count
