"""Pages of the dashboard in a real browser, and all that goes wrong in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page


@dataclass
class Watched:
    """Pages of one origin and all that went wrong in them: errors on the console, and requests to anybody else."""

    browser: Browser
    base: str
    problems: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    def open(self, address: str = "/", *, token: str | None = None, **options: Any) -> Page:
        """A page in a context of its own, signed in with `token` through the address as `make up` prints it."""
        context = self.browser.new_context(**{"viewport": {"width": 1440, "height": 900}, "locale": "en-US", **options})
        context.set_default_timeout(120_000)  # milliseconds: a page on a machine that runs three suites
        self.contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: self._console(message.type, message.text))
        page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        page.on("request", lambda request: self._request(request.url))
        page.goto(f"{self.base}{address}{f'#token={token}' if token else ''}")
        return page

    def close(self) -> None:
        for context in self.contexts:
            context.close()

    def _console(self, kind: str, text: str) -> None:
        # The browser itself reports each failed request; what the page makes of it is what tests look at.
        if kind in ("error", "warning") and not text.startswith("Failed to load resource"):
            self.problems.append(f"console {kind}: {text}")

    def _request(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("blob", "data") and f"{parts.scheme}://{parts.netloc}" != self.base:
            self.problems.append(f"a request to {url}")
