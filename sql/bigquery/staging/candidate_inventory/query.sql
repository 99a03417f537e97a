WITH arrived AS (
  SELECT
    r.*,
    LEFT(TO_JSON_STRING(r), 2000) AS body,
    ${identity:inventory} AS body_hash,
    DATE(r.publish_time) AS publish_date
  FROM ${raw}.inventory_changes AS r
  WHERE DATE(r.publish_time) IN UNNEST(${partitions}) AND r.location_id != ${verification_location}
),
-- what no run has examined, first: the contract is asked of these rows alone
unknown AS (
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
),
judged AS (
  SELECT
    ${broken:inventory} AS reason,
    r.body,
    ${published} AS published_at,
    r.event_id,
    r.body_hash,
    r.publish_date,
    r.publish_time,
    r.message_id,
    r.event_time,
    DATE(${instant}, '${timezone}') AS business_date,
    r.location_id,
    r.sku,
    r.kind,
    r.quantity,
    r.reference
  FROM unknown AS r
)
SELECT j.* REPLACE (IF(j.reason IS NULL, NULL, j.body) AS body)
FROM judged AS j
-- what this rule has refused before is known; what another rule refused is judged again
WHERE NOT EXISTS (
  SELECT 1
  FROM ${staging}.quarantine AS refused
  WHERE refused.publish_date IN UNNEST(${partitions})
    AND refused.stream = 'inventory'
    AND refused.event_id = j.event_id
    AND refused.body_hash = j.body_hash
    AND refused.publish_date = j.publish_date
    AND refused.rule = '${rule:inventory}'
    AND j.reason IS NOT NULL
)
QUALIFY ROW_NUMBER() OVER (PARTITION BY event_id, body_hash, publish_date, reason IS NULL ORDER BY publish_time, message_id) = 1
