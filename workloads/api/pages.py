"""The dashboard's files: read once, compressed once, and served under an address that changes with their content.

`index.html` is asked for anew each time (ETag, 304) and names everything else below `assets/<digest>/`, which may be
kept for ever. A file's own time cannot tell versions apart: in an archive every one is of 1980.
"""

from __future__ import annotations

import gzip
import hashlib
import html
import mimetypes
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_INDEX = "index.html"
_ASSETS = "assets/"  # how the page names its files; the digest comes behind it
# Observable Plot puts this one <style> into each chart: the browser takes it by its hash, which the browser tests hold
# against the locked version. All else is this origin's files: no inline script or style, no text that becomes markup.
_CHART_STYLE = "sha256-jSYQUrW7J0b3jPqhZP9C2Xh1PyJKHKXd4s0fpGGKrww="
_POLICY = (
    f"default-src 'none'; script-src 'self'; style-src 'self' '{_CHART_STYLE}'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_BRAND = "{{brand}}"  # where the page names the business
_TEXT = ("text/", "image/svg")


def routes(static: Path, libraries: Path, *, brand: str) -> list[Route]:
    """Routes for the page in `static`, which names the business by its `brand`, and everything it loads; none where there
    is no page.

    `libraries` holds the third parties' files that the archive brings (workloads/packaging/web.py); the page names them `lib/…`.
    """
    if not (static / _INDEX).is_file():
        return []
    assets = {
        **{f.relative_to(static).as_posix(): f.read_bytes() for f in _files(static) if f.name != _INDEX},
        **{f"lib/{f.relative_to(libraries).as_posix()}": f.read_bytes() for f in _files(libraries)},
    }
    digest = hashlib.sha256()
    for name, data in sorted(assets.items()):
        digest.update(f"\0{name}\0".encode() + hashlib.sha256(data).digest())
    folder = f"{_ASSETS}{digest.hexdigest()[:16]}/"
    page = (static / _INDEX).read_text(encoding="utf-8").replace(f'="{_ASSETS}', f'="{folder}')
    page = page.replace(_BRAND, html.escape(brand))
    policy = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"}
    file_routes = [Route("/", _file(_INDEX, page.encode(), policy), methods=["GET"])]
    for name, data in assets.items():
        for_ever = {"Cache-Control": "public, max-age=31536000, immutable"}
        file_routes.append(Route(f"/{folder}{name}", _file(name, data, for_ever), methods=["GET"]))
    return file_routes


def _files(folder: Path) -> Iterable[Path]:
    return (f for f in sorted(folder.rglob("*")) if f.is_file()) if folder.is_dir() else ()


def _file(name: str, data: bytes, own_headers: dict[str, str]) -> Callable[[Request], Awaitable[Response]]:
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    compressed = gzip.compress(data, 9, mtime=0) if media_type.startswith(_TEXT) and len(data) > 512 else None
    tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    fixed = {**_HEADERS, **own_headers, "ETag": tag} | ({"Vary": "Accept-Encoding"} if compressed else {})

    async def serve(request: Request) -> Response:
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=fixed)
        if compressed and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(compressed, headers={**fixed, "Content-Encoding": "gzip"}, media_type=media_type)
        return Response(data, headers=fixed, media_type=media_type)

    return serve
