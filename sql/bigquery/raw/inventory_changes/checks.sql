SELECT
  'inventory_changes.freshness' AS check_name,
  'warn' AS severity,
  COUNTIF(newest IS NULL OR newest < TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 50 HOUR)) AS failures,
  MAX(CAST(newest AS STRING)) AS sample,
  'The newest raw row is at most 50 hours old.' AS description
FROM (
  SELECT MAX(publish_time) AS newest
  FROM ${raw}.inventory_changes
  WHERE publish_time >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL ${raw_retention_days} DAY)
    AND location_id != ${verification_location}
)
