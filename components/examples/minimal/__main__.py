"""A bookshop: sales are checked against a schema, kept in a lake for two years and in a warehouse for one."""

import json

import fastyle_components as fastyle
import pulumi

project = pulumi.Config("gcp").require("project")
location, labels = "europe-west1", {"app": "bookshop", "environment": "dev"}
sale = {"isbn": "STRING", "price": "STRING", "sold_at": "STRING"}
avro = {"type": "record", "name": "Sale", "fields": [{"name": name, "type": "string"} for name in sale]}
columns = sale | dict.fromkeys(("subscription_name", "message_id", "attributes"), "STRING")
columns["publish_time"] = "TIMESTAMP"  # these four are what Pub/Sub adds

two_years = {"bucket_name": f"{project}-lake", "location": location, "delete_after_days": 730, "labels": labels}
lake = fastyle.RawLake("lake", fastyle.RawLakeArgs.of(two_years))
sales = fastyle.TableArgs(
    schema=json.dumps([{"name": name, "type": kind} for name, kind in columns.items()]),
    description="Sales as they came",
    partition_field="publish_time",
    retention_days=365,
)
raw = {"description": "Events as they came", "tables": {"sales": sales}}
one_year = {"project": project, "location": location, "datasets": {"raw": raw}, "labels": labels}
warehouse = fastyle.Warehouse("warehouse", fastyle.WarehouseArgs.of(one_year))
stream_args = fastyle.EventStreamArgs(
    topic="book-sales",
    project_number=pulumi.Config().require("project_number"),
    schema_definition=json.dumps(avro),
    publishers={"shops": f"serviceAccount:shops@{project}.iam.gserviceaccount.com"},
    bigquery=fastyle.BigQueryExportArgs(table=warehouse.table_ids["raw.sales"]),
    storage=fastyle.StorageExportArgs(bucket=lake.bucket),
    labels=labels,
)
pulumi.export("topic", fastyle.EventStream("sales", stream_args).topic)
