"""Datasets, tables and views in bqemulator, by its REST API; what it drops stays in the records."""

from __future__ import annotations

import json
from typing import Any

from fastyle_localcloud.provider.live import Live, Properties, Refused, live


class _InBigQuery(Live):
    """What the API keeps under the path that is its id."""

    async def _call(self, what: str, method: str, path: str, body: Any = None, *fine: int) -> int:
        """The status of an answer; one that is neither 200, 204 nor one of `fine` is a refusal, with its reason."""
        url = f"{self.cloud.bigquery_url}/bigquery/v2/{path}"
        async with self.cloud.http.request(method, url, json=body) as answer:
            text = await answer.text()
        if answer.status in (200, 204, *fine):
            return answer.status
        said = json.loads(text) if text.startswith("{") else {}
        raise Refused(f"{what}: {str(said['error']['message'] if 'error' in said else text)[:300]}")

    async def read(self, state: Properties) -> Properties | None:
        return None if await self._call(state["id"], "GET", state["id"], None, 404) == 404 else {}


@live("gcp:bigquery/dataset:Dataset")
class Dataset(_InBigQuery):
    async def create(self, inputs: Properties) -> Properties:
        body = {
            "datasetReference": {"projectId": inputs["project"], "datasetId": inputs["datasetId"]},
            "location": inputs.get("location", "US"),
            "description": inputs.get("description"),
        }
        path = f"projects/{inputs['project']}/datasets"
        await self._call(f"dataset {inputs['datasetId']}", "POST", path, body, 409)
        return {}

    async def delete(self, state: Properties) -> None:
        path = f"{state['id']}?deleteContents={'true' if state.get('deleteContentsOnDestroy') else 'false'}"
        try:
            await self._call(f"dataset {state['datasetId']}", "DELETE", path, None, 404)
        except Refused as refusal:
            raise Refused(f"{refusal}; set delete_contents_on_destroy, or empty it") from None


@live("gcp:bigquery/table:Table")
class Table(_InBigQuery):
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

    async def create(self, inputs: Properties) -> Properties:
        parent = inputs["id"].rpartition("/")[0]
        if await self._call(f"table {inputs['tableId']}", "POST", parent, self._body(inputs), 409) == 409:
            return await self.update({}, inputs)  # an interrupted run made it
        return {}

    async def update(self, old: Properties, new: Properties) -> Properties:
        keys = ("schema", "view")
        if any(old.get(key) != new.get(key) for key in keys):
            body = {key: value for key, value in self._body(new).items() if key in keys}
            await self._call(f"table {new['tableId']}", "PATCH", new["id"], body)
        return {}

    async def delete(self, state: Properties) -> None:
        await self._call(f"table {state['tableId']}", "DELETE", state["id"], None, 404)
