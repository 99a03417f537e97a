SELECT
  'sales_transactions.freshness' AS check_name,
  'warn' AS severity,
  COUNTIF(newest IS NULL OR newest < TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 26 HOUR)) AS failures,
  MAX(CAST(newest AS STRING)) AS sample,
  'The newest raw row is at most 26 hours old.' AS description
FROM (
  SELECT MAX(publish_time) AS newest
  FROM ${raw}.sales_transactions
  WHERE publish_time >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL ${raw_retention_days} DAY)
    AND location_id != ${verification_location}
)
