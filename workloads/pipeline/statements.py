"""GoogleSQL that changes tables: what a run loads, and what it publishes. `%(…)s` is filled in by `steps`, `${…}` by
the warehouse."""

from __future__ import annotations

COUNTS_IN = """
UPDATE ${staging}.shared_events SET counts_in = '%(stream)s' WHERE event_id IN UNNEST(@event_ids)
"""
CANDIDATES_OF = """
SELECT * FROM ${staging}.candidate_%(stream)s WHERE refusal IS NULL AND event_id IN UNNEST(@event_ids)
"""
OVERRULE = """
INSERT INTO ${staging}.shared_events (event_id, counts_in, body_hash)
SELECT DISTINCT event_id, '%(counts_in)s', body_hash FROM ${staging}.candidate_%(stream)s
WHERE CONCAT(event_id, ' ', CAST(body_hash AS STRING)) IN UNNEST(@bodies)
"""
MARK_ASKED = """
INSERT INTO ${staging}.dirty_dates (business_date, reason, marked_at, run_id)
SELECT DISTINCT business_date, 'asked for', CURRENT_TIMESTAMP(), '${run_id}'
FROM ${staging}.sales_lines WHERE business_date BETWEEN %(first)s AND %(last)s
"""
DIRTY = """
SELECT business_date, MAX(marked_at) AS marked_at FROM ${staging}.dirty_dates GROUP BY business_date
"""
MARK_NEW = """
INSERT INTO ${staging}.dirty_dates (business_date, reason, marked_at, run_id)
SELECT DISTINCT business_date, 'new events', CURRENT_TIMESTAMP(), '${run_id}'
FROM ${staging}.new_%(stream)s WHERE outcome = 'loaded'
"""
# A mart that is new has no rows of the dates before: all that its history has are built once.
MARK_HISTORY = """
INSERT INTO ${staging}.dirty_dates (business_date, reason, marked_at, run_id)
SELECT DISTINCT business_date, 'new mart', CURRENT_TIMESTAMP(), '${run_id}'
FROM ${staging}.%(history)s WHERE business_date >= ${first_date}
"""
KEEP_MARKED = """
INSERT INTO ${staging}.mart_histories (target, marked_at, run_id)
SELECT target, CURRENT_TIMESTAMP(), '${run_id}' FROM UNNEST(%(targets)s) AS target
"""
MARK_UNCHECKED = """
INSERT INTO ${staging}.unchecked_dates (business_date, stream, marked_at, run_id)
SELECT DISTINCT business_date, '%(stream)s', CURRENT_TIMESTAMP(), '${run_id}'
FROM ${staging}.new_%(stream)s WHERE outcome = 'loaded'
"""
MARK_FAULTY = """
INSERT INTO ${staging}.dirty_dates (business_date, reason, marked_at, run_id)
SELECT business_date, 'open fault', CURRENT_TIMESTAMP(), '${run_id}' FROM UNNEST(%(dates)s) AS business_date
"""
# A customer's earlier first purchase makes the former one a returning customer's, on whatever date it was.
MARK_FORMER_FIRST = """
INSERT INTO ${staging}.dirty_dates (business_date, reason, marked_at, run_id)
SELECT DISTINCT f.business_date, 'earlier first purchase', CURRENT_TIMESTAMP(), '${run_id}'
FROM ${staging}.first_purchase AS f
INNER JOIN (%(query)s) AS n ON n.customer_id = f.customer_id
WHERE n.event_time < f.event_time OR (n.event_time = f.event_time AND n.transaction_id < f.transaction_id)
"""
MERGE_FIRST = """
MERGE ${staging}.first_purchase AS f
USING (%(query)s) AS n ON n.customer_id = f.customer_id
WHEN MATCHED AND (n.event_time < f.event_time OR (n.event_time = f.event_time AND n.transaction_id < f.transaction_id))
  THEN UPDATE SET event_time = n.event_time, transaction_id = n.transaction_id, business_date = n.business_date,
    run_id = n.run_id
WHEN NOT MATCHED THEN INSERT (customer_id, event_time, transaction_id, business_date, run_id)
  VALUES (n.customer_id, n.event_time, n.transaction_id, n.business_date, n.run_id)
"""
MERGE_STOCK = """
MERGE ${staging}.stock AS s
USING (%(query)s) AS n ON n.location_id = s.location_id AND n.sku = s.sku
WHEN MATCHED THEN UPDATE SET count_time = n.count_time, count_event_id = n.count_event_id,
  count_quantity = n.count_quantity, moved = n.moved, on_hand = n.on_hand, run_id = n.run_id
WHEN NOT MATCHED THEN INSERT (location_id, sku, count_time, count_event_id, count_quantity, moved, on_hand, run_id)
  VALUES (n.location_id, n.sku, n.count_time, n.count_event_id, n.count_quantity, n.moved, n.on_hand, n.run_id)
"""
LOG = """
INSERT INTO ${staging}.event_log
  (stream, event_id, body_hash, publish_date, publish_time, business_date, outcome, run_id)
SELECT '%(stream)s', event_id, body_hash, publish_date, publish_time, business_date, outcome, '${run_id}'
FROM ${staging}.new_%(stream)s
"""
# Of the partitions that this run has read all rows were judged: what another rule refused is in or out by now.
RELEASE = """
DELETE FROM ${staging}.quarantine
WHERE publish_date IN UNNEST(%(partitions)s) AND stream = '%(stream)s' AND rule != '${rule:%(stream)s}'
"""
QUARANTINE = """
INSERT INTO ${staging}.quarantine
  (stream, event_id, body_hash, publish_date, publish_time, message_id, reason, body, rule, quarantined_at, run_id)
SELECT '%(stream)s', event_id, body_hash, publish_date, publish_time, message_id, refusal, refused_row,
  '${rule:%(stream)s}', CURRENT_TIMESTAMP(), '${run_id}'
FROM ${staging}.candidate_%(stream)s WHERE refusal IS NOT NULL
"""
FORGET_COUNTS = """
DELETE FROM ${staging}.raw_counts AS r WHERE EXISTS (
  SELECT 1 FROM ${staging}.changed_partitions AS c WHERE c.stream = r.stream AND c.publish_date = r.publish_date
)
"""
KEEP_COUNTS = """
INSERT INTO ${staging}.raw_counts (stream, publish_date, row_count, run_id)
SELECT stream, publish_date, row_count, '${run_id}' FROM ${staging}.changed_partitions
"""
PUBLISH = """
DELETE FROM ${marts}.%(table)s WHERE %(rows)s;
INSERT INTO ${marts}.%(table)s (%(columns)s, publication_id)
SELECT %(columns)s, '${run_id}' FROM ${staging}.%(build)s
"""
REPORT = """
SELECT %(columns)s FROM ${marts}.%(table)s WHERE %(rows)s
"""
PUBLICATION = """
INSERT INTO ${marts}.publications (publication_id, run_id, published_at, as_of, dates, first_date, last_date)
SELECT '${run_id}', '${run_id}', CURRENT_TIMESTAMP(),
  (SELECT MAX(publish_time) FROM ${staging}.event_log
   WHERE publish_date >= DATE_SUB(CURRENT_DATE(), INTERVAL ${raw_retention_days} DAY)),
  (SELECT COUNT(*) FROM ${staging}.build_dates),
  (SELECT MIN(business_date) FROM ${staging}.build_dates),
  (SELECT MAX(business_date) FROM ${staging}.build_dates)
"""
CLEAN = """
DELETE FROM ${staging}.dirty_dates AS d WHERE EXISTS (
  SELECT 1 FROM ${staging}.build_dates AS b WHERE b.business_date = d.business_date AND b.marked_at >= d.marked_at
)
"""

# Whatever has reached the raw tables is loaded or refused when the counts are kept. A message that comes later waited in
# its subscription until then, and it waits there for so many days at most.
LIVE_SINCE = """
SELECT DATE_SUB(MAX(publish_date), INTERVAL ${late_days} DAY) AS live_since
FROM ${staging}.raw_counts HAVING MAX(publish_date) IS NOT NULL
"""

# Found by one run, loaded by another: its BigQuery job outlived it. These candidates know nothing of that, so away with
# them; the next run finds what is still new.
LOADED_ELSEWHERE = """
SELECT IF(COUNT(*) = 0, 0, ERROR('another run loaded these events meanwhile; run again'))
FROM ${staging}.new_%(stream)s AS n
INNER JOIN ${staging}.event_log AS seen ON seen.event_id = n.event_id
WHERE n.outcome = 'loaded' AND seen.stream = '%(stream)s' AND seen.outcome = 'loaded'
  AND seen.publish_date IN UNNEST(%(partitions)s)
"""
