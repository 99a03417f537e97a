"""Cloud SQL."""

import re
from collections.abc import Iterator

from fastyle_localcloud.provider.vocabulary import (
    Condition,
    Problem,
    Reference,
    Rules,
    between,
    blocks,
    check,
    given,
    labels,
    matches,
    one_of,
)
from fastyle_localcloud.provider.wire import UNKNOWN, Properties, dotted

_SHARED_CORE = ("db-f1-micro", "db-g1-small")


def _tier(inputs: Properties) -> Iterator[Problem]:
    """Which machine an edition takes; a custom tier's cores and memory go together."""
    for at, settings in blocks(inputs, "settings"):
        tier, edition, where = settings.get("tier"), settings.get("edition"), dotted((*at, "tier"))
        if not isinstance(tier, str):
            continue
        custom = re.fullmatch(r"db-custom-(\d+)-(\d+)", tier)
        if edition == "ENTERPRISE_PLUS" and not tier.startswith("db-perf-optimized"):
            yield Problem(where, f"{tier} is not a tier of edition ENTERPRISE_PLUS")
        elif edition == "ENTERPRISE" and not custom and tier not in _SHARED_CORE:
            words = "is not a tier of edition ENTERPRISE: db-f1-micro, db-g1-small or db-custom-CPUS-MB"
            yield Problem(where, f"{tier!r} {words}")
        if custom:
            cores, memory = int(custom[1]), int(custom[2])
            good = (cores == 1 or cores % 2 == 0) and memory % 256 == 0 and memory >= 3840
            if not good or not 0.9 * cores * 1024 <= memory <= 6.5 * cores * 1024:
                words = "1 or an even number of vCPUs, 0.9 to 6.5 GB each in steps of 256 MB, at least 3840 MB"
                yield Problem(where, f"{tier}: {words}")


def _availability(inputs: Properties) -> Iterator[Problem]:
    for at, settings in blocks(inputs, "settings"):
        backup = settings.get("backupConfiguration")
        backed_up = backup is UNKNOWN or (isinstance(backup, dict) and backup.get("enabled"))
        if settings.get("availabilityType") == "REGIONAL" and not backed_up:
            yield Problem(dotted((*at, "availabilityType")), "REGIONAL needs backupConfiguration.enabled")


def _reachable(inputs: Properties) -> Iterator[Problem]:
    for at, ip in blocks(inputs, "settings.ipConfiguration"):
        if ip.get("ipv4Enabled") is False and not given(ip, "privateNetwork"):
            yield Problem(dotted(at), "has neither a public address nor a private network")


def _network_removed(old: Properties, new: Properties) -> list[str]:
    def network(inputs: Properties) -> object:
        return ((inputs.get("settings") or {}).get("ipConfiguration") or {}).get("privateNetwork")

    return ["settings.ipConfiguration.privateNetwork"] if network(old) and not network(new) else []


def _runs(instance: Properties) -> bool:
    return (instance.get("settings") or {}).get("activationPolicy") != "NEVER"


def _disk_shrinks(now: Properties, planned: Properties) -> str | None:
    """The words of Cloud SQL: https://github.com/pulumi/pulumi-gcp/issues/549"""
    before, after = ((settings.get("settings") or {}).get("diskSize") for settings in (now, planned))
    if isinstance(before, (int, float)) and isinstance(after, (int, float)) and after < before:
        return f"the disk size cannot decrease. Current size: {before:g} GB, requested: {after:g} GB"
    return None


_INSTANCE = Reference("instance", "sql.DatabaseInstance")
_RUNNING = Condition(
    _INSTANCE,
    _runs,
    "the instance {} is not running (activation policy NEVER), and its databases and users can be neither made, "
    "changed nor deleted; start it, then run the same command again",
)


RULES = {
    "sql.DatabaseInstance": Rules(
        id="{name}",
        seconds=10 * 60,
        replaces=("region", "masterInstanceName"),
        replaces_when=_network_removed,
        defaults={"deletionProtection": True, "settings.pricingPlan": "PER_USE"},
        refuses_update=_disk_shrinks,
        checks=(
            matches(
                "name",
                r"[a-z][a-z0-9-]{0,96}[a-z0-9]|[a-z]",
                "is not an instance id: lower case, digits, -, a letter first",
            ),
            matches("databaseVersion", r"(POSTGRES_\d+|MYSQL_\d_\d\w*|SQLSERVER_\w+)", "is not a version of Cloud SQL"),
            one_of("settings.edition", "ENTERPRISE", "ENTERPRISE_PLUS"),
            one_of("settings.availabilityType", "ZONAL", "REGIONAL"),
            one_of("settings.activationPolicy", "ALWAYS", "NEVER", "ON_DEMAND"),
            one_of("settings.diskType", "PD_SSD", "PD_HDD", "HYPERDISK_BALANCED"),
            one_of(
                "settings.ipConfiguration.sslMode",
                "ALLOW_UNENCRYPTED_AND_ENCRYPTED",
                "ENCRYPTED_ONLY",
                "TRUSTED_CLIENT_CERTIFICATE_REQUIRED",
            ),
            check("settings.diskSize", lambda v: v >= 10, "is under 10 GB"),
            between("settings.backupConfiguration.transactionLogRetentionDays", 1, 35, "days"),
            between("settings.maintenanceWindow.day", 1, 7),
            between("settings.maintenanceWindow.hour", 0, 23),
            labels(),
            _tier,
            _availability,
            _reachable,
        ),
        outputs={
            "connectionName": "{project}:{region}:{name}",
            "firstIpAddress": "10.0.0.3",
            "privateIpAddress": "10.0.0.3",
            "publicIpAddress": "",
            "serviceAccountEmailAddress": "p{_number}-sql@gcp-sa-cloud-sql.iam.gserviceaccount.com",
            "selfLink": "https://sqladmin.googleapis.com/sql/v1beta4/projects/{project}/instances/{name}",
        },
    ),
    "sql.Database": Rules(
        id="projects/{project}/instances/{instance}/databases/{name}",
        replaces=("charset", "collation"),
        references=(_INSTANCE,),
        owner=_INSTANCE,
        conditions=(_RUNNING,),
        outputs={"selfLink": "https://sqladmin.googleapis.com/sql/v1beta4/{id}"},
    ),
    "sql.User": Rules(
        id="{name}//{instance}",
        replaces=("type",),
        checks=(
            one_of("type", "BUILT_IN", "CLOUD_IAM_USER", "CLOUD_IAM_GROUP", "CLOUD_IAM_SERVICE_ACCOUNT"),
            check(
                "name",
                lambda v: not v.endswith(".gserviceaccount.com"),
                "must lose .gserviceaccount.com, as PostgreSQL names it",
            ),
        ),
        references=(_INSTANCE,),
        owner=_INSTANCE,
        conditions=(_RUNNING,),
    ),
}
