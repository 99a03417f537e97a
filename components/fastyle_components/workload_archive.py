"""A workload's archive in Cloud Storage, named by its content."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_gcp as gcp

from fastyle_components.base import Args, ArgsError, token


@dataclass(frozen=True, kw_only=True)
class WorkloadArchiveArgs(Args):
    bucket: pulumi.Input[str]
    """The bucket's name."""
    path: str
    """The archive on this machine: .tar.gz for services, .zip for functions. One whose name ends in its SHA-256, as
    `code-<64 hex digits>.zip`, is not read for it."""


class WorkloadArchive(pulumi.ComponentResource):
    """One archive, uploaded under a name that carries its SHA-256.

    Owns the object, not the bucket nor the build. Unchanged code keeps its name, so that an unchanged stack stays
    unchanged; changed code is a new object and thereby a new revision of what runs it.
    """

    bucket: pulumi.Output[str]
    object: pulumi.Output[str]
    """`<component name>/<16 hex digits><suffix>`."""
    generation: pulumi.Output[int]
    """Which upload of that name: deployments pin it."""
    sha256: pulumi.Output[str]
    """Of the whole archive, 64 hex digits."""

    def __init__(self, name: str, args: WorkloadArchiveArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(token(type(self)), name, None, opts)
        args = WorkloadArchiveArgs.complete(args, name)
        path = Path(args.path)
        suffix = next((s for s in (".tar.gz", ".zip") if path.name.endswith(s)), None)
        if suffix is None:
            raise ArgsError(f"WorkloadArchive {name!r}: {path.name} is no .tar.gz and no .zip; build one of them")
        named = re.search(rf"-([0-9a-f]{{64}}){re.escape(suffix)}$", path.name)
        try:
            with path.open("rb") as file:
                digest = named[1] if named else hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as e:
            raise ArgsError(f"WorkloadArchive {name!r}: {path} cannot be read ({e.strerror}); build it first") from None
        archive = gcp.storage.BucketObject(
            f"{name}-object",
            bucket=args.bucket,
            name=f"{name}/{digest[:16]}{suffix}",
            source=pulumi.FileAsset(str(path)),
            content_type="application/gzip" if suffix == ".tar.gz" else "application/zip",
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.bucket = archive.bucket
        self.object = archive.name
        self.generation = archive.generation
        self.sha256 = pulumi.Output.from_input(digest)
        self.register_outputs(
            {"bucket": self.bucket, "object": self.object, "generation": self.generation, "sha256": self.sha256}
        )
