SELECT
  h.business_date,
  %(kept_fields:h)s
FROM ${staging}.%(history)s AS h
WHERE h.business_date >= DATE '2010-01-01'
UNION ALL
SELECT
  n.business_date,
  %(item_fields:n)s
FROM ${staging}.live_new_%(stream)s AS n%(items:n)s
