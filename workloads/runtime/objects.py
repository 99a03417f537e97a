"""One small object of JSON in Cloud Storage that several may write: each write says which generation it replaces."""

from __future__ import annotations

import os
from urllib.parse import quote

import requests
from google.auth.exceptions import GoogleAuthError

from workloads.runtime.google import TIMEOUT

_STORAGE = "https://storage.googleapis.com"


class Changed(Exception):  # noqa: N818 - an answer
    """Another generation is there than the one that was to be replaced."""


class ObjectFile:
    """`gs://bucket/name`, read and replaced whole."""

    def __init__(self, session: requests.Session, bucket: str, name: str) -> None:
        self._session = session
        self._base = os.environ.get("STORAGE_EMULATOR_HOST", _STORAGE).rstrip("/")
        self._bucket, self._name = quote(bucket, safe=""), name

    def read(self) -> tuple[bytes | None, int]:
        """Return content and generation; None and 0 where there is no such object.

        Raises:
            OSError: it cannot be read now.
        """
        url = f"{self._base}/storage/v1/b/{self._bucket}/o/{quote(self._name, safe='')}?alt=media"
        answer = self._send("GET", url)
        if answer.status_code == 404:
            return None, 0
        if answer.status_code != 200:
            raise OSError(f"HTTP {answer.status_code} for {url}")
        return answer.content, int(answer.headers["x-goog-generation"])

    def write(self, content: bytes, generation: int) -> int:
        """Replace `generation` (0: there must be none); returns the new one.

        Raises:
            Changed: another generation is there.
            OSError: it cannot be written now.
        """
        options = f"uploadType=media&name={quote(self._name, safe='')}&ifGenerationMatch={generation}"
        url = f"{self._base}/upload/storage/v1/b/{self._bucket}/o?{options}"
        answer = self._send("POST", url, content)
        if answer.status_code == 412:
            raise Changed
        if answer.status_code != 200:
            raise OSError(f"HTTP {answer.status_code} for {url}")
        return int(answer.json()["generation"])

    def _send(self, method: str, url: str, content: bytes | None = None) -> requests.Response:
        headers = None if content is None else {"Content-Type": "application/json"}
        try:
            return self._session.request(method, url, data=content, headers=headers, timeout=TIMEOUT)
        except (requests.RequestException, GoogleAuthError) as error:
            raise OSError(f"{method} {url}: {type(error).__name__}: {error}") from None
