SELECT
  s.event_id,
  IF(MIN(i.publish_time) < MIN(s.publish_time), 'inventory', 'sales') AS counts_in
FROM ${staging}.candidate_sales AS s
INNER JOIN ${staging}.candidate_inventory AS i ON i.event_id = s.event_id
WHERE s.reason IS NULL AND i.reason IS NULL
GROUP BY s.event_id
