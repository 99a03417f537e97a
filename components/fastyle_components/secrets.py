"""Secrets by reference: who may read them is code, what is in them is not."""

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from fastyle_components.base import Args, after, given, held, optional, token
from fastyle_components.grants import holders, keyed


@dataclass(frozen=True, kw_only=True)
class SecretArgs(Args):
    """One secret, and who may read it."""

    secret_id: str | None = None
    """Letters, digits, hyphens, underscores. Default: its key."""
    accessors: dict[str, pulumi.Input[str]] | None = None
    """Members that may read every version, by a stable key."""
    version_adders: dict[str, pulumi.Input[str]] | None = None
    """Members that may add versions, and not read any, by a stable key."""
    placeholder: str | None = None
    """A first version that holds nothing secret (an empty list, say), so that a service that mounts the secret can
    start before an operator has added the real one. Default: none."""


@dataclass(frozen=True, kw_only=True)
class SecretsArgs(Args):
    secrets: dict[str, SecretArgs]
    """Secrets by a stable key: letters, digits, hyphens, underscores."""
    labels: dict[str, str] | None = None
    deletion_protection: bool | None = optional(True)
    """Refuse to delete a secret."""


class Secrets(pulumi.ComponentResource):
    """Secrets and their readers.

    Owns the secrets, their accessors and, where asked for, a first version without content. It deliberately takes
    no secret value: state would hold it. Operators add versions; the newest is what workloads read. Disable old
    versions, not the first: a destroyed first version would be written again, as the newest.
    """

    secret_ids: pulumi.Output[dict[str, str]]
    """Each secret's id by its key; waits for grants and first versions."""

    def __init__(self, name: str, args: SecretsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(token(type(self)), name, None, opts)
        args = SecretsArgs.complete(args, name)
        ids = {key: self._secret(key, spec, args) for key, spec in args.secrets.items()}
        self.secret_ids = pulumi.Output.all(**ids)
        self.register_outputs({"secret_ids": self.secret_ids})

    def _secret(self, key: str, spec: SecretArgs, args: SecretsArgs) -> pulumi.Output[str]:
        child, name = pulumi.ResourceOptions(parent=self), f"{self.pulumi_resource_name}-{key}"
        protected = given(args.deletion_protection)
        secret = gcp.secretmanager.Secret(
            name,
            secret_id=spec.secret_id or key,
            replication=gcp.secretmanager.SecretReplicationArgs(auto=gcp.secretmanager.SecretReplicationAutoArgs()),
            deletion_policy="PREVENT" if protected else "DELETE",
            labels=args.labels,
            opts=held(self, protected),
        )
        made: list[pulumi.Resource] = []
        if spec.placeholder is not None:
            made.append(
                gcp.secretmanager.SecretVersion(
                    f"{name}-first",
                    secret=secret.id,
                    # Write-only: not even the placeholder is kept in the state.
                    secret_data_wo=spec.placeholder,
                    secret_data_wo_version="1",  # noqa: S106
                    # Versions added since must survive whatever happens to this one's record.
                    deletion_policy="ABANDON",
                    opts=child,
                )
            )
        for role, kind, members in (
            ("secretAccessor", "reader", spec.accessors),
            ("secretVersionAdder", "adder", spec.version_adders),
        ):
            prefix = f"{name}-{kind}"
            made += [
                gcp.secretmanager.SecretIamMember(
                    holder.name,
                    secret_id=secret.secret_id,
                    role=f"roles/secretmanager.{role}",
                    member=holder.member,
                    opts=holder.opts(self),
                )
                for holder in holders(f"Secrets {self.pulumi_resource_name!r}", prefix, keyed(prefix, members))
            ]
        return after(secret.secret_id, *made)
