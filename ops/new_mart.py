"""The folder of a new mart with working defaults, and its part of docs/marts.md."""

from __future__ import annotations

from pathlib import Path

from ops.new_folder import Kind, write_folder
from workloads.marts.declaration import check_name, read_marts

KIND = Kind(
    folders=Path("sql", "bigquery", "marts"),
    check=check_name,
    read=read_marts,
    page=Path("docs", "marts.md"),
    reference="workloads.reference.marts",
)

_DECLARATION = """\
# What a row is and where rows go. The keys are explained in sql/bigquery/marts/README.md.
description: "{words}: net sales and transactions by day and location."
owner: data-platform
grain: [business_date, location_id]
publication: by_date
live: true
read_model: {read_model}
cluster_by: [location_id]
columns:
  - include: business_date
  - include: location_id
  - include: net_sales
  - name: transactions
    type: INT64
    mode: required
    description: Distinct transactions, with sold or returned lines.
"""
_QUERY = """\
SELECT
  l.business_date,
  l.location_id,
  SUM(${net_sales:l}) AS net_sales,
  COUNT(DISTINCT l.transaction_id) AS transactions
FROM ${source:sales_lines} AS l
WHERE ${dates:l}
GROUP BY l.business_date, l.location_id
"""
_CHECKS = """\
-- check: {name}.complete
-- severity: error
-- description: Net sales of each rebuilt date are those of its lines.
SELECT CAST(business_date AS STRING) AS place, business_date AS day, CAST(business_date AS STRING) AS sample
FROM (
  SELECT business_date, net_sales FROM ${{build:{name}}}
  UNION ALL
  SELECT l.business_date, -${{net_sales:l}} FROM ${{staging}}.sales_lines AS l WHERE l.business_date IN UNNEST(build_dates)
)
GROUP BY business_date
HAVING SUM(net_sales) != 0
"""


def write_mart(name: str, repository: Path, *, read_model: bool = True) -> Path:
    """Write the folder of a mart and the marts' page of that checkout; returns the folder.

    Raises:
        OperatorError: no mart can have the name, or one has it; nothing is left behind.
    """

    def texts(key: str, _: object) -> dict[str, str]:
        words = key.replace("_", " ").capitalize()
        declared = _DECLARATION.format(words=words, read_model="true" if read_model else "false")
        return {"mart.yaml": declared, "query.sql": _QUERY, "checks.sql": _CHECKS.format(name=key)}

    return write_folder(name, repository, KIND, texts)
