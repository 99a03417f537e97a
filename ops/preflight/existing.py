"""What is there already, and what Google offers: names that are taken, leftovers, images, quotas, people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

from ops.checks import Check, failed, passed, unknown
from ops.preflight.google_apis import Answer, Google
from ops.preflight.needs import Needs, Planned

_ADOPT = "adopt it (docs/operations/changes.md#adopt-what-exists), or remove it"
_ACCOUNT_LIMIT = 100
"""Service accounts of a project, unless it was raised: https://docs.cloud.google.com/iam/quotas."""
# Quotas of Compute Engine as its API names them, by type of resource, of the project as a whole.
_PROJECT_QUOTAS = {
    "gcp:compute/network:Network": "NETWORKS",
    "gcp:compute/subnetwork:Subnetwork": "SUBNETWORKS",
    "gcp:compute/router:Router": "ROUTERS",
    "gcp:compute/globalAddress:GlobalAddress": "GLOBAL_INTERNAL_ADDRESSES",
}
_EXAMPLES = ("example.com", "example.org", "example.net")


class Existing:
    """Questions about one project. `owned` holds ids of what the stack has already: that is no obstacle."""

    def __init__(self, google: Google, needs: Needs, owned: Collection[str] = ()) -> None:
        self._google, self._needs, self._owned = google, needs, frozenset(owned)

    def buckets(self) -> Check:
        """Names of buckets are one space for all of Google Cloud."""
        name = "buckets"
        names = [b for r in self._needs.of("storage/bucket:Bucket") if (b := r.text("name")) and b not in self._owned]
        taken, unseen = [], []
        for bucket in names:
            answer = self._google.get("storage", f"v1/b/{bucket}", fields="name,projectNumber")
            if answer.ok:
                taken.append(f"{bucket} exists")
            elif answer.status == 403 and not answer.disabled_api:
                taken.append(f"{bucket} belongs to somebody else, or the caller may not see it")
            elif answer.status != 404:
                unseen.append(f"{bucket}: {answer.message}")
        if taken:
            return failed(name, "; ".join(taken), _ADOPT)
        if unseen:
            return unknown(name, f"not seen: {'; '.join(unseen)}")
        return passed(name, f"{len(names)} names are free" if names else "the stack has its buckets")

    def federation(self) -> Check | None:
        """A deleted pool keeps its name for 30 days."""
        name = "federation"
        pools = [p for r in self._needs.of("iam/workloadIdentityPool:WorkloadIdentityPool") if (p := _pool(r))]
        if not pools:
            return None
        for pool in pools:
            path = f"projects/{self._needs.project}/locations/global/workloadIdentityPools/{pool}"
            answer = self._google.get("iam", f"v1/{path}")
            if answer.status == 404 or path in self._owned:
                continue
            if not answer.ok:
                return self._unseen(name, answer)
            if answer.body.get("state") == "DELETED":
                return failed(
                    name,
                    f"pool {pool} was deleted within 30 days: its name is taken until {answer.body.get('expireTime')}",
                    f"gcloud iam workload-identity-pools undelete {pool} --location global --project "
                    f"{self._needs.project}, then {_ADOPT}",
                )
            return failed(name, f"pool {pool} exists", _ADOPT)
        return passed(name, f"the name of {', '.join(pools)} is free or the stack's")

    def databases(self) -> list[Check]:
        """The instance's name, and whether it sleeps while users or databases would be added."""
        name = "database"
        wanted = {n for r in self._needs.of("sql/databaseInstance:DatabaseInstance") if (n := r.text("name"))}
        if not wanted:
            return []
        answer = self._google.get("sqladmin", f"v1/projects/{self._needs.project}/instances")
        if answer.disabled_api:
            return [passed(name, "the Cloud SQL API is off: there is no instance yet")]
        if not answer.ok:
            return [self._unseen(name, answer)]
        there = {item["name"]: item for item in answer.body.get("items", []) if item["name"] in wanted}
        strangers = [n for n in there if not any(owned.endswith(n) for owned in self._owned)]
        if strangers:
            return [failed(name, f"instance {', '.join(strangers)} exists", _ADOPT)]
        asleep = [n for n, item in there.items() if (item.get("settings") or {}).get("activationPolicy") == "NEVER"]
        kinds = ("sql/user:User", "sql/database:Database")
        new = [r for r in self._needs.of(*kinds) if (n := r.text("name")) and not self._has(n)]
        if asleep and new:
            return [
                failed(
                    name,
                    f"instance {asleep[0]} is stopped, and Cloud SQL adds no user or database to it: "
                    f"{', '.join(r.text('name') or r.name for r in new)}",
                    f"gcloud sql instances patch {asleep[0]} --activation-policy ALWAYS, or `pulumi up` by day",
                )
            ]
        return [passed(name, "the instance runs or nothing is added to it" if there else "the name is free")]

    def peering(self) -> Check | None:
        """A network, or a peering with Google's services, that a former stack left."""
        name = "peering"
        networks = [n for r in self._needs.of("compute/network:Network") if (n := r.text("name"))]
        if not networks:
            return None
        for network in networks:
            path = f"projects/{self._needs.project}/global/networks/{network}"
            if path in self._owned:
                continue
            answer = self._google.get("compute", f"v1/{path}")
            if answer.status == 404 or answer.disabled_api:
                continue
            if not answer.ok:
                return self._unseen(name, answer)
            peerings = [p["name"] for p in answer.body.get("peerings", [])]
            if peerings:
                return failed(
                    name,
                    f"network {network} exists, with peering {', '.join(peerings)}: neither can be made again",
                    f"gcloud services vpc-peerings delete --network {network} --project {self._needs.project}, then "
                    f"gcloud compute networks delete {network}",
                )
            return failed(name, f"network {network} exists", _ADOPT)
        return passed(name, "no network or peering of these names is left over")

    def images(self) -> Check | None:
        """Composer's image is still offered: Google withdraws builds after some months."""
        name = "composer-image"
        wanted = [i for r in self._needs.of("composer/environment:Environment") if (i := _image(r))]
        if not wanted:
            return None
        parent = f"projects/{self._needs.project}/locations/{self._needs.region}"
        answer = self._google.get("composer", f"v1/{parent}/imageVersions", pageSize=500)
        if not answer.ok:
            return self._unseen(name, answer)
        offered = {v["imageVersionId"]: v for v in answer.body.get("imageVersions", [])}
        for image in wanted:
            if image not in offered or offered[image].get("creationDisabled"):
                line = image.rpartition("-build.")[0]
                same = [v for v, d in offered.items() if v.startswith(line) and not d.get("creationDisabled")]
                newest = same or [v for v, d in offered.items() if not d.get("creationDisabled")]
                return failed(
                    name,
                    f"{image} is not offered in {self._needs.region}; offered: {', '.join(newest[:5]) or 'none'}",
                    "put one of the same Airflow into fastyle:composer.image_version",
                )
        return passed(name, f"{', '.join(wanted)} is offered")

    def quotas(self) -> Check:
        """Limits that the plan would exceed."""
        name, counts = "quotas", self._new()
        exceeded, seen = [], 0
        wanted = {quota: counts[type_] for type_, quota in _PROJECT_QUOTAS.items() if counts[type_]}
        if wanted:
            answer = self._google.get("compute", f"v1/projects/{self._needs.project}", fields="quotas")
            if not answer.ok and not answer.disabled_api:
                return self._unseen(name, answer)
            for quota in answer.body.get("quotas", []):
                if (more := wanted.get(quota["metric"])) is not None:
                    seen += 1
                    if quota["usage"] + more > quota["limit"]:
                        exceeded.append(
                            f"{quota['metric']}: {quota['usage']:.0f} used, {more} more, {quota['limit']:.0f} at most"
                        )
        if more := counts["gcp:serviceaccount/account:Account"]:
            listed = self._google.get("iam", f"v1/projects/{self._needs.project}/serviceAccounts", pageSize=100)
            if listed.ok:
                seen += 1
                used = len(listed.body.get("accounts", []))
                if used + more > _ACCOUNT_LIMIT:
                    exceeded.append(
                        f"service accounts: {used} used, {more} more, {_ACCOUNT_LIMIT} unless it was raised"
                    )
        if exceeded:
            return failed(name, "; ".join(exceeded), "ask for more on the console's page IAM and admin, Quotas")
        if not seen:
            return unknown(name, "none is seen: the APIs are off until the first `pulumi up`")
        return passed(name, f"{seen} limits leave room")

    def people(self) -> list[Check]:
        """People and groups who are granted something: Google refuses a grant to an address that does not exist."""
        checks = []
        named = {m: grants for m, grants in self._needs.members().items() if m.partition(":")[0] in ("user", "group")}
        for member in sorted(named):
            kind, _, address = member.partition(":")
            name = f"member {member}"
            if address.rpartition("@")[2].lower() in _EXAMPLES:
                mend = f"write a real address into Pulumi.{self._needs.stack}.yaml"
                checks.append(failed(name, f"{address} is an example's address: the grant would be refused", mend))
            elif kind == "group":
                checks.append(self._group(name, address))
            else:
                checks.append(unknown(name, "whether a person exists cannot be asked without rights in the directory"))
        return checks

    def _group(self, name: str, address: str) -> Check:
        answer = self._google.get("cloudidentity", "v1/groups:lookup", **{"groupKey.id": address})
        if answer.ok:
            return passed(name, "the group exists")
        if answer.status == 404:
            return failed(name, f"there is no group {address}: the grant would be refused", "create it, or correct it")
        # Google answers alike for a group that is not there and one that the caller may not see.
        return unknown(
            name, f"not seen: {answer.message}", f"see that {address} exists: gcloud identity groups describe"
        )

    def _unseen(self, name: str, answer: Answer) -> Check:
        if api := answer.disabled_api:
            return unknown(
                name,
                f"not seen: {api} is off until the first `pulumi up`",
                f"gcloud services enable {api} --project {self._needs.project}, then ask again",
            )
        return unknown(name, f"not seen: {answer.message}", "the caller needs roles/viewer of the project")

    def _new(self) -> Counter[str]:
        """How many of each type the stack does not have yet."""
        return Counter(r.type for r in self._needs.resources if not self._has(r.text("name") or r.text("accountId")))

    def _has(self, name: str | None) -> bool:
        return name is not None and any(
            owned.rpartition("/")[2].partition("@")[0] == name.partition("@")[0] for owned in self._owned
        )


def _pool(resource: Planned) -> str | None:
    return resource.text("workloadIdentityPoolId")


def _image(resource: Planned) -> str | None:
    config: Any = resource.inputs.get("config") or {}
    image = (config.get("softwareConfig") or {}).get("imageVersion") if isinstance(config, dict) else None
    return image if isinstance(image, str) else None
