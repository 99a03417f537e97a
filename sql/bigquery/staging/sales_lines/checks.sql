-- check: sales_lines.unique
-- severity: error
-- description: An event_id and line_number stands once in the history.
SELECT CAST(business_date AS STRING) AS place, business_date AS day, event_id AS sample
FROM ${staging}.sales_lines
WHERE business_date IN UNNEST(${sales_dates})
GROUP BY business_date, event_id, line_number
HAVING COUNT(*) > 1

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

-- check: sales_lines.sku_known
-- severity: warn
-- description: The catalogue knows every SKU sold; others count under category unknown.
SELECT h.sku AS place, h.business_date AS day, h.event_id AS sample
FROM ${staging}.sales_lines AS h
WHERE h.business_date IN UNNEST(${sales_dates})
  AND NOT EXISTS (SELECT 1 FROM ${staging}.products AS p WHERE p.is_current AND p.sku = h.sku)

-- check: sales_lines.location_known
-- severity: warn
-- description: The catalogue knows every location that sold.
SELECT h.location_id AS place, h.business_date AS day, h.event_id AS sample
FROM ${staging}.sales_lines AS h
WHERE h.business_date IN UNNEST(${sales_dates})
  AND NOT EXISTS (SELECT 1 FROM ${staging}.locations AS p WHERE p.is_current AND p.location_id = h.location_id)

-- check: sales_lines.event_time
-- severity: warn
-- description: No sale is dated before 2010, or later than 11 minutes after it was published.
SELECT DISTINCT CAST(business_date AS STRING) AS place, business_date AS day, event_id AS sample
FROM ${staging}.sales_lines
WHERE business_date IN UNNEST(${sales_dates})
  AND (
    event_time < TIMESTAMP '2010-01-01 00:00:00+00'
    OR event_time > TIMESTAMP_ADD(published_at, INTERVAL 11 MINUTE)
  )

-- check: sales_lines.dated_long_ago
-- severity: warn
-- description: No sale is dated more than 60 days before it was published, as a till with a wrong clock would.
SELECT DISTINCT location_id AS place, business_date AS day, event_id AS sample
FROM ${staging}.sales_lines
WHERE business_date IN UNNEST(${sales_dates})
  AND event_time < TIMESTAMP_SUB(published_at, INTERVAL 60 DAY)
