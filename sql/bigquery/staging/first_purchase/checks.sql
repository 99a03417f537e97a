SELECT
  'first_purchase.unique' AS check_name,
  'error' AS severity,
  COUNT(*) AS failures,
  STRING_AGG(customer_id, ', ' ORDER BY customer_id LIMIT 5) AS sample,
  'A customer has one first purchase.' AS description
FROM (SELECT customer_id FROM ${staging}.first_purchase GROUP BY customer_id HAVING COUNT(*) > 1)
UNION ALL
SELECT
  'first_purchase.earliest',
  'error',
  COUNT(DISTINCT l.customer_id),
  STRING_AGG(DISTINCT l.customer_id, ', ' ORDER BY l.customer_id LIMIT 5),
  'No transaction of a rebuilt date comes before its customer\'s first purchase.'
FROM ${staging}.sales_lines AS l
LEFT JOIN ${staging}.first_purchase AS f ON f.customer_id = l.customer_id
WHERE l.business_date IN UNNEST(build_dates)
  AND l.customer_id IS NOT NULL
  AND (
    f.customer_id IS NULL
    OR l.event_time < f.event_time
    OR (l.event_time = f.event_time AND l.transaction_id < f.transaction_id)
  )
