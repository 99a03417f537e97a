-- check: first_purchase.unique
-- severity: error
-- description: A customer has one first purchase.
SELECT CAST(NULL AS STRING) AS place, CAST(NULL AS DATE) AS day, customer_id AS sample
FROM ${staging}.first_purchase
GROUP BY customer_id
HAVING COUNT(*) > 1

-- check: first_purchase.earliest
-- severity: error
-- description: No transaction of a date that changed comes before its customer's first purchase.
SELECT DISTINCT CAST(l.business_date AS STRING) AS place, l.business_date AS day, l.customer_id AS sample
FROM ${staging}.sales_lines AS l
LEFT JOIN ${staging}.first_purchase AS f ON f.customer_id = l.customer_id
WHERE l.business_date IN UNNEST(${sales_dates})
  AND l.customer_id IS NOT NULL
  AND (
    f.customer_id IS NULL
    OR l.event_time < f.event_time
    OR (l.event_time = f.event_time AND l.transaction_id < f.transaction_id)
  )
