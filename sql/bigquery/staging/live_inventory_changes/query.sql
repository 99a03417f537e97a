SELECT event_id, event_time, business_date, location_id, sku, kind, quantity
FROM ${staging}.inventory_changes
WHERE business_date >= DATE '2010-01-01'
UNION ALL
SELECT event_id, event_time, business_date, location_id, sku, kind, quantity
FROM ${staging}.live_new_inventory
