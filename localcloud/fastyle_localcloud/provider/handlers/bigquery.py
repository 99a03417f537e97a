"""Datasets, tables and views in bqemulator, by its REST API; what it drops stays in the records."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fastyle_localcloud.provider.live import Live, Properties, Refused, live

if TYPE_CHECKING:
    from fastyle_localcloud.cloud import LocalCloud


async def _call(cloud: LocalCloud, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    url = f"{cloud.bigquery_url}/bigquery/v2/{path}"
    async with cloud.http.request(method, url, json=body) as answer:
        text = await answer.text()
        return answer.status, (json.loads(text) if text.startswith("{") else text)


def _reason(answer: Any) -> str:
    return str(answer["error"]["message"] if isinstance(answer, dict) and "error" in answer else answer)[:300]


@live("gcp:bigquery/dataset:Dataset")
class Dataset(Live):
    async def create(self, cloud: LocalCloud, inputs: Properties) -> tuple[str, Properties]:
        body = {
            "datasetReference": {"projectId": inputs["project"], "datasetId": inputs["datasetId"]},
            "location": inputs.get("location", "US"),
            "description": inputs.get("description"),
        }
        status, answer = await _call(cloud, "POST", f"projects/{inputs['project']}/datasets", body)
        if status not in (200, 409):
            raise Refused(f"dataset {inputs['datasetId']}: {_reason(answer)}")
        return inputs["id"], {}

    async def read(self, cloud: LocalCloud, id: str, state: Properties) -> Properties | None:
        status, _ = await _call(cloud, "GET", id)
        return None if status == 404 else {}

    async def delete(self, cloud: LocalCloud, id: str, state: Properties) -> None:
        contents = "true" if state.get("deleteContentsOnDestroy") else "false"
        status, answer = await _call(cloud, "DELETE", f"{id}?deleteContents={contents}")
        if status not in (200, 204, 404):
            raise Refused(
                f"dataset {state['datasetId']}: {_reason(answer)}; set delete_contents_on_destroy, or empty it"
            )


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
        status, answer = await _call(cloud, "POST", parent, self._body(inputs))
        if status == 409:  # an interrupted run made it
            return inputs["id"], await self.update(cloud, inputs["id"], {}, inputs)
        if status != 200:
            raise Refused(f"table {inputs['tableId']}: {_reason(answer)}")
        return inputs["id"], {}

    async def read(self, cloud: LocalCloud, id: str, state: Properties) -> Properties | None:
        status, _ = await _call(cloud, "GET", id)
        return None if status == 404 else {}

    async def update(self, cloud: LocalCloud, id: str, old: Properties, new: Properties) -> Properties:
        keys = ("schema", "view")
        if all(old.get(key) == new.get(key) for key in keys):
            return {}
        body = {key: value for key, value in self._body(new).items() if key in keys}
        status, answer = await _call(cloud, "PATCH", id, body)
        if status != 200:
            raise Refused(f"table {new['tableId']}: {_reason(answer)}")
        return {}

    async def delete(self, cloud: LocalCloud, id: str, state: Properties) -> None:
        status, answer = await _call(cloud, "DELETE", id)
        if status not in (200, 204, 404):
            raise Refused(f"table {state['tableId']}: {_reason(answer)}")
