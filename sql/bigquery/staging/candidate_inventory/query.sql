WITH arrived AS (
  SELECT
    r.event_id,
    FARM_FINGERPRINT(TO_JSON_STRING(STRUCT(
      FORMAT_TIMESTAMP('%F %H:%M:%E6S', r.event_time) AS event_time,
      r.location_id,
      r.sku,
      r.kind,
      r.quantity,
      r.reference
    ))) AS body_hash,
    DATE(r.publish_time) AS publish_date,
    r.publish_time,
    r.message_id,
    r.event_time,
    DATE(r.event_time, '${timezone}') AS business_date,
    r.location_id,
    r.sku,
    r.kind,
    r.quantity,
    r.reference
  FROM ${raw}.inventory_changes AS r
  WHERE DATE(r.publish_time) IN UNNEST(${partitions}) AND r.location_id != ${verification_location}
)
SELECT a.*
FROM arrived AS a
WHERE NOT EXISTS (
  SELECT 1
  FROM ${staging}.event_log AS seen
  WHERE seen.publish_date IN UNNEST(${partitions})
    AND seen.stream = 'inventory'
    AND seen.event_id = a.event_id
    AND seen.body_hash = a.body_hash
    AND seen.publish_date = a.publish_date
)
QUALIFY ROW_NUMBER() OVER (PARTITION BY event_id, body_hash, publish_date ORDER BY publish_time, message_id) = 1
