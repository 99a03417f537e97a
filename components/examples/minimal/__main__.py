"""A bookshop: sales are checked against a schema, kept in a lake for two years and in a warehouse for one."""

import json

import fastyle_components as fastyle
import pulumi

project, config = pulumi.Config("gcp").require("project"), pulumi.Config()
number, account = config.require("project_number"), config.require("billing_account")
labels = {"application": "bookshop", "environment": "dev", "component": "sales"}
place = {"location": "europe-west1", "labels": labels}
sale = {"isbn": "STRING", "price": "STRING", "sold_at": "STRING"}
avro = {"type": "record", "name": "Sale", "fields": [{"name": name, "type": "string"} for name in sale]}
columns = sale | dict.fromkeys(("subscription_name", "message_id", "attributes"), "STRING")
columns["publish_time"] = "TIMESTAMP"  # these four are what Pub/Sub adds

two_years = {"bucket_name": f"{project}-lake", "delete_after_days": 730, "pubsub_project_number": number, **place}
lake = fastyle.RawLake("lake", fastyle.RawLakeArgs.of(two_years))
sales = fastyle.TableArgs(
    schema=json.dumps([{"name": name, "type": kind} for name, kind in columns.items()]),
    description="Sales as they came",
    partition_field="publish_time",
    retention_days=365,
)
raw = {"description": "Events as they came", "tables": {"sales": sales}}
warehouse_args = fastyle.WarehouseArgs.of({"project": project, "datasets": {"raw": raw}, **place})
warehouse = fastyle.Warehouse("warehouse", warehouse_args)
stream_args = fastyle.EventStreamArgs(
    topic="book-sales",
    project_number=number,
    schema_definition=json.dumps(avro),
    bigquery=fastyle.BigQueryExportArgs(table=warehouse.table_ids["raw.sales"]),
    storage=fastyle.StorageExportArgs(bucket=lake.bucket),
    labels=labels,
)
stream = fastyle.EventStream("sales", stream_args)
limit = {"display_name": "bookshop", "monthly_amount": 100, "currency": "EUR", "emails": ["owner@bookshop.example"]}
ids = {"billing_account": account, "project": project, "project_number": number, "labels": labels}
fastyle.Budget("budget", fastyle.BudgetArgs.of({**limit, **ids}))
pulumi.export("topic", stream.topic)
