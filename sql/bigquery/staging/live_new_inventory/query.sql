-- what no run has loaded, first: the contract is asked of these rows alone
WITH unknown AS (
  SELECT
    r.event_id,
    r.event_time,
    r.location_id,
    r.sku,
    r.kind,
    r.quantity,
    r.reference,
    r.attributes,
    r.subscription_name,
    r.publish_time,
    r.message_id
  FROM ${raw}.inventory_changes AS r
  WHERE r.publish_time >= ${live_since}
    AND r.location_id != ${verification_location}
    AND NOT EXISTS (
      SELECT 1
      FROM ${staging}.event_log AS seen
      WHERE seen.publish_date >= DATE_SUB(CURRENT_DATE(), INTERVAL ${raw_retention_days} DAY)
        AND seen.event_id = r.event_id
    )
)
SELECT
  r.event_id,
  r.event_time,
  DATE(${instant}, '${timezone}') AS business_date,
  r.location_id,
  r.sku,
  r.kind,
  r.quantity,
  'loaded' AS outcome
FROM unknown AS r
WHERE ${broken:inventory} IS NULL
QUALIFY ROW_NUMBER() OVER (PARTITION BY r.event_id ORDER BY r.publish_time, r.message_id) = 1
