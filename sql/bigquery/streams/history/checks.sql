-- check: %(history)s.unique
-- severity: error
-- description: The grain holds: one row an %(grain)s.
SELECT CAST(business_date AS STRING) AS place, business_date AS day, event_id AS sample
FROM ${staging}.%(history)s
WHERE business_date IN UNNEST(${%(stream)s_dates})
GROUP BY business_date, %(key)s
HAVING COUNT(*) > 1

-- check: %(history)s.sku_known
-- severity: warn
-- description: The catalogue knows every SKU; any other counts under category unknown.
-- needs: sku
SELECT h.sku AS place, h.business_date AS day, h.event_id AS sample
FROM ${staging}.%(history)s AS h
WHERE h.business_date IN UNNEST(${%(stream)s_dates})
  AND NOT EXISTS (SELECT 1 FROM ${staging}.products AS p WHERE p.is_current AND p.sku = h.sku)

-- check: %(history)s.location_known
-- severity: warn
-- description: The catalogue knows every location.
SELECT h.location_id AS place, h.business_date AS day, h.event_id AS sample
FROM ${staging}.%(history)s AS h
WHERE h.business_date IN UNNEST(${%(stream)s_dates})
  AND NOT EXISTS (SELECT 1 FROM ${staging}.locations AS p WHERE p.is_current AND p.location_id = h.location_id)

-- check: %(history)s.event_time
-- severity: warn
-- description: No event is dated before 2010, or later than 11 minutes after it was published.
SELECT DISTINCT CAST(business_date AS STRING) AS place, business_date AS day, event_id AS sample
FROM ${staging}.%(history)s
WHERE business_date IN UNNEST(${%(stream)s_dates})
  AND (
    event_time < TIMESTAMP '2010-01-01 00:00:00+00'
    OR event_time > TIMESTAMP_ADD(published_at, INTERVAL 11 MINUTE)
  )

-- check: %(history)s.dated_long_ago
-- severity: warn
-- description: No event is dated more than 60 days before it was published, as a till with a wrong clock would.
SELECT DISTINCT location_id AS place, business_date AS day, event_id AS sample
FROM ${staging}.%(history)s
WHERE business_date IN UNNEST(${%(stream)s_dates})
  AND event_time < TIMESTAMP_SUB(published_at, INTERVAL 60 DAY)
