SELECT customer_id, event_time, transaction_id
FROM (
  SELECT customer_id, event_time, transaction_id FROM ${staging}.first_purchase
  UNION ALL
  SELECT customer_id, event_time, transaction_id FROM ${staging}.live_new_sales WHERE customer_id IS NOT NULL
)
WHERE TRUE  -- QUALIFY needs one beside it
QUALIFY ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY event_time, transaction_id) = 1
