-- check: inventory_changes.unique
-- severity: error
-- description: An event_id stands once in the history.
SELECT CAST(business_date AS STRING) AS place, business_date AS day, event_id AS sample
FROM ${staging}.inventory_changes
WHERE business_date IN UNNEST(${inventory_dates})
GROUP BY business_date, event_id
HAVING COUNT(*) > 1

-- check: inventory_changes.ranges
-- severity: error
-- description: Receipts and transfers in are positive, transfers out negative, adjustments not 0, counts not negative.
SELECT CAST(business_date AS STRING) AS place, business_date AS day, event_id AS sample
FROM ${staging}.inventory_changes
WHERE business_date IN UNNEST(${inventory_dates})
  AND NOT (
    (kind IN ('receipt', 'transfer_in') AND quantity > 0)
    OR (kind = 'transfer_out' AND quantity < 0)
    OR (kind = 'adjustment' AND quantity != 0)
    OR (kind = 'count' AND quantity >= 0)
  )

-- check: inventory_changes.sku_known
-- severity: warn
-- description: The catalogue knows every SKU that moved.
SELECT h.sku AS place, h.business_date AS day, h.event_id AS sample
FROM ${staging}.inventory_changes AS h
WHERE h.business_date IN UNNEST(${inventory_dates})
  AND NOT EXISTS (SELECT 1 FROM ${staging}.products AS p WHERE p.is_current AND p.sku = h.sku)

-- check: inventory_changes.location_known
-- severity: warn
-- description: The catalogue knows every location where stock moved.
SELECT h.location_id AS place, h.business_date AS day, h.event_id AS sample
FROM ${staging}.inventory_changes AS h
WHERE h.business_date IN UNNEST(${inventory_dates})
  AND NOT EXISTS (SELECT 1 FROM ${staging}.locations AS p WHERE p.is_current AND p.location_id = h.location_id)

-- check: inventory_changes.event_time
-- severity: warn
-- description: No change is dated before 2010, or later than 11 minutes after it was published.
SELECT DISTINCT CAST(business_date AS STRING) AS place, business_date AS day, event_id AS sample
FROM ${staging}.inventory_changes
WHERE business_date IN UNNEST(${inventory_dates})
  AND (
    event_time < TIMESTAMP '2010-01-01 00:00:00+00'
    OR event_time > TIMESTAMP_ADD(published_at, INTERVAL 11 MINUTE)
  )

-- check: inventory_changes.dated_long_ago
-- severity: warn
-- description: No change is dated more than 60 days before it was published, as a till with a wrong clock would.
SELECT DISTINCT location_id AS place, business_date AS day, event_id AS sample
FROM ${staging}.inventory_changes
WHERE business_date IN UNNEST(${inventory_dates})
  AND event_time < TIMESTAMP_SUB(published_at, INTERVAL 60 DAY)
