SELECT '%(stream)s' AS stream, DATE(publish_time) AS publish_date, COUNT(*) AS row_count
FROM ${raw}.%(table)s
WHERE publish_time >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL ${raw_retention_days} DAY)
GROUP BY publish_date
