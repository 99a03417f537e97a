SELECT
  'event_log.conflicting_bodies' AS check_name,
  'warn' AS severity,
  COUNT(DISTINCT event_id) AS failures,
  STRING_AGG(DISTINCT event_id, ', ' ORDER BY event_id LIMIT 5) AS sample,
  'One event_id was sent with two different bodies; the first to arrive counts.' AS description
FROM ${staging}.event_log
WHERE publish_date >= DATE_SUB(CURRENT_DATE(), INTERVAL ${raw_retention_days} DAY) AND outcome = 'conflict'
