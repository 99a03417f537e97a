"""Pub/Sub on one machine: Google's own API over one durable log.

`python -m fastyle_localcloud.pubsub` serves topics, subscriptions and schemas to the official clients, delivers by
pull, push, BigQuery and Cloud Storage subscriptions, and keeps what it has acknowledged through a kill.
Not served: snapshots, exactly-once delivery, message transforms, ingestion, Protocol Buffer schemas; each is
refused by name rather than accepted and ignored.
"""
