"""A client of a BigQuery stand-in."""

from __future__ import annotations

from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery


def bigquery_client(url: str, project: str) -> bigquery.Client:
    """Google's own client, of the stand-in at `url`; no credentials that a cloud would take."""
    return bigquery.Client(
        project=project,
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": url},
    )
