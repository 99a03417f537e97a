WITH arrived AS (
  SELECT
    r.*,
    LEFT(TO_JSON_STRING(r), 2000) AS raw_row,
    ${identity:%(stream)s} AS body_hash,
    DATE(r.publish_time) AS publish_date
  FROM ${raw}.%(table)s AS r
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
      AND seen.stream = '%(stream)s'
      AND seen.event_id = a.event_id
      AND seen.body_hash = a.body_hash
      AND seen.publish_date = a.publish_date
  )
),
judged AS (
  SELECT
    ${broken:%(stream)s} AS refusal,
    ${published} AS published_at,
    DATE(${instant}, '${timezone}') AS business_date,
    r.body_hash,
    r.publish_date,
    r.publish_time,
    r.message_id,
    r.raw_row,
    %(fields:r)s
  FROM unknown AS r
)
SELECT j.*, IF(j.refusal IS NULL, NULL, j.raw_row) AS refused_row
FROM judged AS j
-- what this rule has refused before is known; what another rule refused is judged again
WHERE NOT EXISTS (
  SELECT 1
  FROM ${staging}.quarantine AS refused
  WHERE refused.publish_date IN UNNEST(${partitions})
    AND refused.stream = '%(stream)s'
    AND refused.event_id = j.event_id
    AND refused.body_hash = j.body_hash
    AND refused.publish_date = j.publish_date
    AND refused.rule = '${rule:%(stream)s}'
    AND j.refusal IS NOT NULL
)
QUALIFY ROW_NUMBER() OVER (PARTITION BY event_id, body_hash, publish_date, refusal IS NULL ORDER BY publish_time, message_id) = 1
