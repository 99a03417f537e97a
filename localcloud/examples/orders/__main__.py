"""A topic whose messages arrive in a table and in a bucket, with the grants that Pub/Sub needs for both."""

import json

import pulumi
import pulumi_gcp as gcp

project = pulumi.Config("gcp").require("project")
region = pulumi.Config("gcp").require("region")
number = pulumi.Config().get("project_number") or "100000000001"
agent = f"serviceAccount:service-{number}@gcp-sa-pubsub.iam.gserviceaccount.com"

topic = gcp.pubsub.Topic("orders", name="orders")
dataset = gcp.bigquery.Dataset("raw", dataset_id="raw", location=region, delete_contents_on_destroy=True)
table = gcp.bigquery.Table(
    "orders",
    dataset_id=dataset.dataset_id,
    table_id="orders",
    schema=json.dumps([{"name": "data", "type": "STRING"}]),
    deletion_protection=False,
)
lake = gcp.storage.Bucket(
    "lake", name=f"{project}-orders", location=region, uniform_bucket_level_access=True, force_destroy=True
)
writes = gcp.bigquery.IamMember(
    "writes", dataset_id=dataset.dataset_id, table_id=table.table_id, role="roles/bigquery.dataEditor", member=agent
)
stores = [
    gcp.storage.BucketIAMMember(role, bucket=lake.name, role=f"roles/storage.{role}", member=agent)
    for role in ("objectCreator", "legacyBucketReader")
]
gcp.pubsub.Subscription(
    "to-table",
    name="orders-to-table",
    topic=topic.id,
    bigquery_config={"table": pulumi.Output.concat(project, ".", dataset.dataset_id, ".", table.table_id)},
    opts=pulumi.ResourceOptions(depends_on=[writes]),
)
gcp.pubsub.Subscription(
    "to-lake",
    name="orders-to-lake",
    topic=topic.id,
    ack_deadline_seconds=300,
    cloud_storage_config={"bucket": lake.name, "max_duration": "60s"},
    opts=pulumi.ResourceOptions(depends_on=stores),
)
pulumi.export("topic", topic.id)
