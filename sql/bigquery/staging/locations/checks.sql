SELECT
  'locations.unique' AS check_name,
  'error' AS severity,
  COUNT(*) AS failures,
  STRING_AGG(location_id, ', ' ORDER BY location_id LIMIT 5) AS sample,
  'There is one current version of each location_id.' AS description
FROM (
  SELECT location_id
  FROM ${staging}.locations
  WHERE is_current
  GROUP BY location_id
  HAVING COUNT(*) > 1
)
