SELECT event_id, '%(stream)s' AS stream, %(order)s AS place, publish_time
FROM ${staging}.candidate_%(stream)s
WHERE refusal IS NULL
