SELECT
  h.business_date,
  %(kept_fields:h)s
FROM ${staging}.%(history)s AS h
WHERE h.business_date >= ${first_date}
UNION ALL
SELECT
  n.business_date,
  %(item_fields:n)s
FROM ${staging}.live_new_%(stream)s AS n%(items:n)s
