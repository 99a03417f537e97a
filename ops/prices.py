"""`fastyle prices refresh`: the price book held against Google's Cloud Billing Catalog, with the operator's credentials."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastyle_policies.pricing import PricingError, rates_file, refresh
from fastyle_policies.pricing.book import FOLDER, load
from fastyle_policies.pricing.catalogue import Catalogue, Get

from ops.errors import OperatorError
from ops.google import access_token, request


def run(*, write: bool, get: Get | None = None, folder: Path = FOLDER) -> str:
    """The difference in words; with `write` it is written into the book's files, with today's date.

    Raises:
        OperatorError: no credentials, no connection, or answers of another shape than the documented one.
    """
    try:
        findings = refresh.compare(Catalogue(get or _authorised()), folder)
        told = refresh.describe(load(folder), findings)
        if not write:
            return f"{told}\nnothing written; --write does"
        paths = rates_file.write(findings, datetime.now(UTC).date(), folder)
    except (PricingError, ValueError) as e:
        raise OperatorError(str(e)) from None
    return f"{told}\nwrote {', '.join(path.name for path in paths) or 'nothing'}; `make documents` brings the tables up to it"


def _authorised() -> Get:
    headers = {"authorization": f"Bearer {access_token()}"}

    def get(url: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        return request("GET", f"{url}?{urlencode(parameters)}", headers=headers)

    return get
