-- check: inventory_changes.freshness
-- severity: warn
-- description: The newest raw row is at most 50 hours old.
SELECT CAST(NULL AS STRING) AS place, CAST(NULL AS DATE) AS day, COALESCE(CAST(newest AS STRING), 'there is none') AS sample
FROM (
  SELECT MAX(publish_time) AS newest
  FROM ${raw}.inventory_changes
  WHERE publish_time >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL ${raw_retention_days} DAY)
    AND location_id != ${verification_location}
)
WHERE newest IS NULL OR newest < TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 50 HOUR)
