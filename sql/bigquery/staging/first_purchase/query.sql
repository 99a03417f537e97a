SELECT
  customer_id,
  event_time,
  transaction_id,
  business_date,
  '${run_id}' AS run_id
FROM ${staging}.new_sales
WHERE outcome = 'loaded' AND customer_id IS NOT NULL
QUALIFY ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY event_time, transaction_id) = 1
