SELECT
  'sales_lines.unique' AS check_name,
  'error' AS severity,
  COUNT(*) AS failures,
  STRING_AGG(event_id, ', ' ORDER BY event_id LIMIT 5) AS sample,
  'An event_id and line_number stands once in the history.' AS description
FROM (
  SELECT event_id
  FROM ${staging}.sales_lines
  WHERE business_date IN UNNEST(build_dates)
  GROUP BY event_id, line_number
  HAVING COUNT(*) > 1
)
UNION ALL
SELECT
  'sales_lines.transaction_unique',
  'warn',
  COUNT(*),
  STRING_AGG(transaction_id, ', ' ORDER BY transaction_id LIMIT 5),
  'A transaction_id belongs to one event.'
FROM (
  SELECT transaction_id
  FROM ${staging}.sales_lines
  WHERE business_date IN UNNEST(build_dates)
  GROUP BY transaction_id
  HAVING COUNT(DISTINCT event_id) > 1
)
UNION ALL
SELECT
  'sales_lines.ranges',
  'error',
  COUNT(*),
  STRING_AGG(event_id, ', ' ORDER BY event_id LIMIT 5),
  'Quantity is never 0, price and discount are not negative, the discount is at most the line, the channel is known.'
FROM ${staging}.sales_lines
WHERE business_date IN UNNEST(build_dates)
  AND (
    quantity = 0
    OR unit_price < 0
    OR discount < 0
    OR discount > ABS(quantity) * unit_price
    OR channel NOT IN ('store', 'online')
  )
UNION ALL
SELECT
  'sales_lines.sku_known',
  'warn',
  COUNT(DISTINCT l.sku),
  STRING_AGG(DISTINCT l.sku, ', ' ORDER BY l.sku LIMIT 5),
  'The catalogue knows every SKU sold; others count under category unknown.'
FROM ${staging}.sales_lines AS l
WHERE l.business_date IN UNNEST(build_dates)
  AND NOT EXISTS (SELECT 1 FROM ${staging}.products AS p WHERE p.is_current AND p.sku = l.sku)
UNION ALL
SELECT
  'sales_lines.location_known',
  'warn',
  COUNT(DISTINCT l.location_id),
  STRING_AGG(DISTINCT l.location_id, ', ' ORDER BY l.location_id LIMIT 5),
  'The catalogue knows every location that sold.'
FROM ${staging}.sales_lines AS l
WHERE l.business_date IN UNNEST(build_dates)
  AND NOT EXISTS (SELECT 1 FROM ${staging}.locations AS p WHERE p.is_current AND p.location_id = l.location_id)
UNION ALL
SELECT
  'sales_lines.event_time',
  'warn',
  COUNT(*),
  STRING_AGG(event_id, ', ' ORDER BY event_id LIMIT 5),
  'No sale of this run is from before 2010, or later than 10 minutes after it was published.'
FROM ${staging}.new_sales
WHERE event_time < TIMESTAMP '2010-01-01 00:00:00+00' OR event_time > TIMESTAMP_ADD(publish_time, INTERVAL 10 MINUTE)
