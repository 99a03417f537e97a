-- check: locations.unique
-- severity: error
-- description: There is one current version of each location_id.
SELECT CAST(NULL AS STRING) AS place, CAST(NULL AS DATE) AS day, location_id AS sample
FROM ${staging}.locations
WHERE is_current
GROUP BY location_id
HAVING COUNT(*) > 1
