-- check: inventory_changes.ranges
-- severity: error
-- description: Receipts and transfers in are positive, transfers out negative, adjustments not 0, counts not negative.
SELECT CAST(business_date AS STRING) AS place, business_date AS day, event_id AS sample
FROM ${staging}.inventory_changes AS h
WHERE business_date IN UNNEST(${inventory_dates}) AND (${breaks:inventory, h})
