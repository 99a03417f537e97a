-- what no run has loaded, first: the contract is asked of these rows alone
WITH unknown AS (
  SELECT
    %(raw_fields:r)s,
    r.attributes,
    r.subscription_name,
    r.publish_time,
    r.message_id
  FROM ${raw}.%(table)s AS r
  WHERE r.publish_time >= ${live_since}
    AND r.location_id != ${verification_location}
    -- what a replay writes is history, most of it older than what is known here; the replay's own run loads what is missing
    AND NOT ${replayed}
    AND NOT EXISTS (
      SELECT 1
      FROM ${staging}.event_log AS seen
      WHERE seen.publish_date >= DATE_SUB(CURRENT_DATE(), INTERVAL ${raw_retention_days} DAY)
        AND seen.event_id = r.event_id
    )
)
SELECT
  DATE(${instant}, '${timezone}') AS business_date,
  %(fields:r)s,
  'loaded' AS outcome
FROM unknown AS r
WHERE ${broken:%(stream)s} IS NULL
QUALIFY ROW_NUMBER() OVER (PARTITION BY r.event_id ORDER BY r.publish_time, r.message_id) = 1
