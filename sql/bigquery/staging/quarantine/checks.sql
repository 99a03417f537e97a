-- check: quarantine.empty
-- severity: warn
-- description: Every row that arrived keeps the contract; those that do not count nowhere.
SELECT stream AS place, CAST(NULL AS DATE) AS day, CONCAT(LEFT(event_id, 40), ' ', LEFT(reason, 120)) AS sample
FROM ${staging}.quarantine
WHERE publish_date >= DATE_SUB(CURRENT_DATE(), INTERVAL ${raw_retention_days} DAY)
