SELECT event_id, stream AS counts_in, CAST(NULL AS INT64) AS body_hash
FROM (
  ${each}
)
WHERE TRUE  -- QUALIFY needs one beside it
QUALIFY ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY publish_time, place) = 1
  AND MIN(place) OVER (PARTITION BY event_id) != MAX(place) OVER (PARTITION BY event_id)
