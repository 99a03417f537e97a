SELECT
  r.event_id,
  r.transaction_id,
  r.event_time,
  DATE(${instant}, '${timezone}') AS business_date,
  r.location_id,
  r.channel,
  r.customer_id,
  r.lines,
  'loaded' AS outcome
FROM ${raw}.sales_transactions AS r
WHERE r.publish_time >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL ${raw_retention_days} DAY)
  AND r.location_id != ${verification_location}
  AND NOT EXISTS (
    SELECT 1
    FROM ${staging}.event_log AS seen
    WHERE seen.publish_date >= DATE_SUB(CURRENT_DATE(), INTERVAL ${raw_retention_days} DAY)
      AND seen.event_id = r.event_id
  )
  AND ${broken:sales} IS NULL
QUALIFY ROW_NUMBER() OVER (PARTITION BY r.event_id ORDER BY r.publish_time, r.message_id) = 1
