-- check: event_log.conflicting_bodies
-- severity: warn
-- description: One event_id was sent with two different bodies, or on several streams; the first to arrive counts.
SELECT DISTINCT stream AS place, CAST(NULL AS DATE) AS day, event_id AS sample
FROM ${staging}.event_log
WHERE publish_date >= DATE_SUB(CURRENT_DATE(), INTERVAL ${raw_retention_days} DAY) AND outcome = 'conflict'
