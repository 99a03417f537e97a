"""The folder of a new mart with working defaults, and its part of docs/marts.md."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from ops.errors import OperatorError
from workloads.marts.declaration import check_name, read_marts

MARTS = Path("sql", "bigquery", "marts")
PAGE = Path("docs", "marts.md")

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
    key = name.strip().replace("-", "_")
    folder = repository / MARTS / key
    try:
        check_name(key)
        if folder.exists():
            raise OperatorError(f"{MARTS / key} is there already; edit it, or choose another name")
        if not (repository / MARTS).is_dir():
            raise OperatorError(f"{repository} has no {MARTS}; run this in a checkout")
        folder.mkdir()
    except (ValueError, OSError) as error:
        raise OperatorError(f"{error}") from None
    try:
        words = key.replace("_", " ").capitalize()
        declared = _DECLARATION.format(words=words, read_model="true" if read_model else "false")
        texts = {"mart.yaml": declared, "query.sql": _QUERY, "checks.sql": _CHECKS.format(name=key)}
        for file, text in texts.items():
            (folder / file).write_text(text, encoding="utf-8")
        read_marts(repository / MARTS)
        _write_page(repository)
    except (ValueError, OSError, OperatorError) as error:
        shutil.rmtree(folder)
        raise OperatorError(f"{error}") from None
    return folder


def _write_page(repository: Path) -> None:
    """In a process of its own: this one has read the marts already."""
    render = "from workloads.reference.marts import render; print(render(), end='')"
    command = [sys.executable, "-c", render]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode:
        raise OperatorError((done.stderr.strip().splitlines() or [f"{PAGE} cannot be written"])[-1])
    (repository / PAGE).write_text(done.stdout, encoding="utf-8")
