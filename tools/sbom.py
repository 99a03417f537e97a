"""What is shipped, and under which licences: `python -m tools.sbom [--out dist/sbom]`, or `make sbom`.

One CycloneDX 1.5 document for each workload's archive and for the packages: those that others install, and the
program. Names, versions, hashes and dependencies come from uv.lock through `uv export`; what an
archive's document lists is what lies in that archive, and its licences are read there. The same commit gives the same
bytes. A licence that is not on the list below is an error: whoever adds the package decides about it here.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import importlib.metadata
import json
import re
import subprocess
import sys
import tarfile
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

from workloads.packaging import web
from workloads.packaging.archives import REPOSITORY, PackagingError, build, load

PACKAGES = ("fastyle-components", "fastyle-localcloud", "fastyle-policies")
"""What others install: `make dist`."""

# Licences that let us ship a package unchanged with its notice. LGPL-3.0 (psycopg) and MPL-2.0 (certifi) are copyleft
# for changes to the package itself, which are not made: its files go into the archive as published.
ALLOWED = frozenset(
    [
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "CC0-1.0",
        "ISC",
        "LGPL-3.0-only",
        "MIT",
        "MIT-0",
        "MPL-2.0",
        "PSF-2.0",
        "Python-2.0",
        "Unlicense",
        "Zlib",
    ]
)
# What packages without an SPDX expression write; the classifier "BSD License" does not say which of the two it is.
SPELLINGS = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause OR BSD-2-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
_SILENT = {"DFSG approved", "OSI Approved"}  # classifiers that name no licence

Metadata = Callable[[str], Message | None]
"""The core metadata of an installed package by its normalised name; None where it is not there."""


class LicenceError(Exception):
    """A package may not be shipped; the message says which and what to do."""


def workloads() -> list[str]:
    """Every workload that has an archive."""
    return sorted(path.parent.name for path in (REPOSITORY / "workloads").glob("*/workload.toml"))


def archive_bill(workload: str) -> dict[str, Any]:
    """The document of a workload's archive, which is built when it is not ready.

    Raises:
        PackagingError: the archive cannot be built, or uv.lock does not know what is in it.
        LicenceError: a licence in it is unknown or not allowed.
    """
    path = build(workload)
    installed = dict(_installed(path))
    exported = _export("--only-group", load(workload).group)
    names = {normalised(c["name"]) for c in exported["components"]}
    if strangers := sorted(installed.keys() - names):
        raise PackagingError(
            f"{path.name} carries {', '.join(strangers)}, which uv.lock does not name; run `make clean`"
        )
    # Packages that the lock holds for other platforms are in the export, and not in the archive.
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    root = {
        "type": "application",
        "bom-ref": path.name,
        "name": workload,
        "version": digest[:16],
        "hashes": [{"alg": "SHA-256", "content": digest}],
    }
    declared = load(workload)
    browser = _browser(REPOSITORY / "workloads" / workload / web.FOLDER) if declared.web else {}
    return _document(exported, root, installed.get, browser)


def package_bill(name: str, *selection: str) -> dict[str, Any]:
    """The document of one of the repository's packages with what it depends on; licences as installed here."""

    def metadata(package: str) -> Message | None:
        try:
            return importlib.metadata.metadata(package)  # type: ignore[return-value]  # an email.message.Message
        except importlib.metadata.PackageNotFoundError:
            return None

    version = importlib.metadata.version(name)
    root = {"type": "library", "bom-ref": name, "name": name, "version": version}
    return _document(_export(*selection), root, metadata)


def licence(metadata: Message) -> str:
    """The SPDX expression of a package's licence: its own field, else its classifiers or the older free text.

    Raises:
        LicenceError: nothing is said, or a licence is named that is not allowed.
    """
    name = f"{metadata['Name']} {metadata['Version']}"
    expression = metadata["License-Expression"]
    if not expression:
        classified = [c.rsplit("::", 1)[-1].strip() for c in metadata.get_all("Classifier", []) if "License ::" in c]
        stated = [c for c in classified if c not in _SILENT] or [(metadata["License"] or "").strip()]
        spelled = [SPELLINGS.get(s, s) for s in stated]
        expression = " AND ".join(f"({s})" if len(spelled) > 1 and " OR " in s else s for s in spelled)
    return _allowed(name, expression)


def _allowed(name: str, expression: str) -> str:
    words = [w for w in re.split(r"[\s()]+", expression) if w and w not in ("AND", "OR", "WITH")]
    if not words:
        raise LicenceError(f"{name} names no licence; read its files, then name it in SPELLINGS of tools/sbom.py")
    # Stricter than SPDX: of alternatives too, each must be allowed.
    if refused := sorted(set(words) - ALLOWED):
        raise LicenceError(
            f"{name} is under {expression!r}, and {', '.join(refused)} is not allowed; "
            "choose another package, or add the licence to ALLOWED of tools/sbom.py"
        )
    return str(expression)


def normalised(name: str) -> str:
    """As https://packaging.python.org/en/latest/specifications/name-normalization/ says."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _browser(folder: Path) -> dict[str, tuple[dict[str, Any], list[str]]]:
    """Components and what they need, by reference: the npm packages that the page's libraries are bundled from."""
    packages = web.locked(folder)
    refs = {p.name: f"pkg:npm/{p.name.replace('@', '%40')}@{p.version}" for p in packages}
    return {
        refs[p.name]: (
            {
                "type": "library",
                "bom-ref": refs[p.name],
                "name": p.name,
                "version": p.version,
                "purl": refs[p.name],
                "hashes": [{"alg": "SHA-512", "content": base64.b64decode(p.integrity.partition("-")[2]).hex()}],
                "licenses": [{"expression": _allowed(f"{p.name} {p.version}", p.licence)}],
            },
            [refs[name] for name in p.requires],
        )
        for p in packages
    }


def _document(
    exported: dict[str, Any],
    root: dict[str, Any],
    metadata: Metadata,
    browser: Mapping[str, tuple[dict[str, Any], list[str]]] | None = None,
) -> dict[str, Any]:
    components = []
    for component in exported["components"]:
        if (package := metadata(normalised(component["name"]))) is None:
            continue
        components.append({**component, "licenses": [{"expression": licence(package)}]})
    refs = {c["bom-ref"] for c in components}
    graph = [
        {"ref": d["ref"], "dependsOn": sorted(refs.intersection(d.get("dependsOn", ())))}
        for d in exported["dependencies"]
        if d["ref"] in refs
    ]
    components += [component for component, _ in (browser or {}).values()]
    refs |= set(browser or {})
    graph += [{"ref": ref, "dependsOn": sorted(needs)} for ref, (_, needs) in (browser or {}).items()]
    needed = {ref for d in graph for ref in d["dependsOn"]}
    graph.append({"ref": root["bom-ref"], "dependsOn": sorted(refs - needed)})
    content = {"metadata": {"component": root}, "components": components, "dependencies": graph}
    # A serial number that the content decides, and no time: the same commit, the same bytes.
    serial = uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(content, sort_keys=True))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        **content,
    }


def _export(*selection: str) -> dict[str, Any]:
    command = ["uv", "export", "--frozen", "--quiet", "--no-emit-workspace", "--format", "cyclonedx1.5", *selection]
    try:
        done = subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise PackagingError("uv is not on PATH; run `make setup`") from None
    except subprocess.CalledProcessError as e:
        raise PackagingError(f"uv export failed: {e.stderr.strip()}; does pyproject.toml match uv.lock?") from None
    return dict(json.loads(done.stdout))


def _installed(archive: Path) -> Iterator[tuple[str, Message]]:
    """Core metadata of the packages that lie in an archive's `lib/`, by normalised name."""
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as z:
            texts = [z.read(name).decode() for name in z.namelist() if _is_metadata(name)]
    else:
        with tarfile.open(archive) as t:
            members = [m for m in t.getmembers() if _is_metadata(m.name)]
            texts = [f.read().decode() for m in members if (f := t.extractfile(m)) is not None]
    for text in texts:
        message = HeaderParser().parsestr(text)
        yield normalised(str(message["Name"])), message


def _is_metadata(name: str) -> bool:
    return re.fullmatch(r"lib/[^/]+\.dist-info/METADATA", name) is not None


def bills() -> dict[str, dict[str, Any]]:
    """Every document by its name."""
    documents = {workload: archive_bill(workload) for workload in workloads()}
    for name in PACKAGES:
        documents[name] = package_bill(name, "--package", name)
    documents["fastyle-platform"] = package_bill("fastyle-platform", "--no-default-groups")
    return documents


def write(documents: Mapping[str, dict[str, Any]], out: Path) -> None:
    """Write `<out>/<name>.cdx.json`, and nothing else in there that looks like one."""
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("*.cdx.json"):
        old.unlink()
    for name, document in documents.items():
        (out / f"{name}.cdx.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.sbom", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=REPOSITORY / "dist" / "sbom")
    out = parser.parse_args().out
    try:
        documents = bills()
    except (PackagingError, LicenceError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    write(documents, out)
    for name, document in documents.items():
        licences = sorted({c["licenses"][0]["expression"] for c in document["components"]})
        print(f"{name}: {len(document['components'])} packages; {', '.join(licences)}")
    print(f"written to {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
