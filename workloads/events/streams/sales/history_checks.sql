-- check: sales_lines.transaction_unique
-- severity: warn
-- description: A transaction_id belongs to one event.
SELECT CAST(business_date AS STRING) AS place, business_date AS day, transaction_id AS sample
FROM ${staging}.sales_lines
WHERE business_date IN UNNEST(${sales_dates})
GROUP BY business_date, transaction_id
HAVING COUNT(DISTINCT event_id) > 1

-- check: sales_lines.ranges
-- severity: error
-- description: Quantity is never 0, price and discount are not negative, the discount is at most the line, the channel is known.
SELECT CAST(business_date AS STRING) AS place, business_date AS day, event_id AS sample
FROM ${staging}.sales_lines
WHERE business_date IN UNNEST(${sales_dates})
  AND (
    quantity = 0
    OR unit_price < 0
    OR discount < 0
    OR discount > ABS(quantity) * unit_price
    OR channel NOT IN ('store', 'online')
  )
