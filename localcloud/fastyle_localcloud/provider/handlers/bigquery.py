"""Datasets, tables and views in bqemulator, by its REST API; what it drops stays in the records."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fastyle_localcloud.provider.live import Live, Properties, Refused, live

if TYPE_CHECKING:
    from fastyle_localcloud.cloud import LocalCloud


async def _call(cloud: LocalCloud, what: str, method: str, path: str, body: Any = None, *fine: int) -> int:
    """The status of an answer; one that is neither 200, 204 nor one of `fine` is a refusal, with its reason."""
    url = f"{cloud.bigquery_url}/bigquery/v2/{path}"
    async with cloud.http.request(method, url, json=body) as answer:
        text = await answer.text()
    if answer.status in (200, 204, *fine):
        return answer.status
    said = json.loads(text) if text.startswith("{") else {}
    raise Refused(f"{what}: {str(said['error']['message'] if 'error' in said else text)[:300]}")


@live("gcp:bigquery/dataset:Dataset")
class Dataset(Live):
    async def create(self, cloud: LocalCloud, inputs: Properties) -> tuple[str, Properties]:
        body = {
            "datasetReference": {"projectId": inputs["project"], "datasetId": inputs["datasetId"]},
            "location": inputs.get("location", "US"),
            "description": inputs.get("description"),
        }
        await _call(
            cloud, f"dataset {inputs['datasetId']}", "POST", f"projects/{inputs['project']}/datasets", body, 409
        )
        return inputs["id"], {}

    async def read(self, cloud: LocalCloud, id: str, state: Properties) -> Properties | None:
        return None if await _call(cloud, id, "GET", id, None, 404) == 404 else {}

    async def delete(self, cloud: LocalCloud, id: str, state: Properties) -> None:
        contents = "true" if state.get("deleteContentsOnDestroy") else "false"
        try:
            await _call(cloud, f"dataset {state['datasetId']}", "DELETE", f"{id}?deleteContents={contents}", None, 404)
        except Refused as refusal:
            raise Refused(f"{refusal}; set delete_contents_on_destroy, or empty it") from None


@live("gcp:bigquery/table:Table")
class Table(Live):
    """Columns are added in place; whatever else changes a table is replaced or recorded."""

    def _body(self, values: Properties) -> Properties:
        reference = {key: values[key] for key in ("datasetId", "tableId")}
        body: Properties = {"tableReference": {"projectId": values["project"], **reference}}
        if values.get("schema"):
            body["schema"] = {"fields": json.loads(values["schema"])}
        if values.get("view"):
            body["view"] = {"query": values["view"]["query"], "useLegacySql": bool(values["view"].get("useLegacySql"))}
            body.pop("schema", None)
        if partition := values.get("timePartitioning"):
            body["timePartitioning"] = {k: v for k, v in partition.items() if k in ("type", "field") and v is not None}
        if clusterings := values.get("clusterings"):
            body["clustering"] = {"fields": clusterings}
        return body

    async def create(self, cloud: LocalCloud, inputs: Properties) -> tuple[str, Properties]:
        parent = inputs["id"].rpartition("/")[0]
        if await _call(cloud, f"table {inputs['tableId']}", "POST", parent, self._body(inputs), 409) == 409:
            return inputs["id"], await self.update(cloud, inputs["id"], {}, inputs)  # an interrupted run made it
        return inputs["id"], {}

    async def read(self, cloud: LocalCloud, id: str, state: Properties) -> Properties | None:
        return None if await _call(cloud, id, "GET", id, None, 404) == 404 else {}

    async def update(self, cloud: LocalCloud, id: str, old: Properties, new: Properties) -> Properties:
        keys = ("schema", "view")
        if all(old.get(key) == new.get(key) for key in keys):
            return {}
        body = {key: value for key, value in self._body(new).items() if key in keys}
        await _call(cloud, f"table {new['tableId']}", "PATCH", id, body)
        return {}

    async def delete(self, cloud: LocalCloud, id: str, state: Properties) -> None:
        await _call(cloud, f"table {state['tableId']}", "DELETE", id, None, 404)
