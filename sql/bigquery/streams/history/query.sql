SELECT
  n.business_date,
  %(item_fields:n)s,
  n.body_hash,
  '${run_id}' AS run_id,
  n.published_at
FROM ${staging}.new_%(stream)s AS n%(items:n)s
WHERE n.outcome = 'loaded'
