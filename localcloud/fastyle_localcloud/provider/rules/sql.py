"""Cloud SQL."""

import re
from collections.abc import Iterator

from fastyle_localcloud.provider.constraints import Problem, blocks, given
from fastyle_localcloud.provider.wire import UNKNOWN, Properties, dotted

_SHARED_CORE = ("db-f1-micro", "db-g1-small")


def tier(inputs: Properties) -> Iterator[Problem]:
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


def availability(inputs: Properties) -> Iterator[Problem]:
    for at, settings in blocks(inputs, "settings"):
        backup = settings.get("backupConfiguration")
        backed_up = backup is UNKNOWN or (isinstance(backup, dict) and backup.get("enabled"))
        if settings.get("availabilityType") == "REGIONAL" and not backed_up:
            yield Problem(dotted((*at, "availabilityType")), "REGIONAL needs backupConfiguration.enabled")


def reachable(inputs: Properties) -> Iterator[Problem]:
    for at, ip in blocks(inputs, "settings.ipConfiguration"):
        if ip.get("ipv4Enabled") is False and not given(ip, "privateNetwork"):
            yield Problem(dotted(at), "has neither a public address nor a private network")


def network_removed(old: Properties, new: Properties) -> list[str]:
    def network(inputs: Properties) -> object:
        return ((inputs.get("settings") or {}).get("ipConfiguration") or {}).get("privateNetwork")

    return ["settings.ipConfiguration.privateNetwork"] if network(old) and not network(new) else []


def runs(instance: Properties) -> bool:
    return (instance.get("settings") or {}).get("activationPolicy") != "NEVER"


def disk_shrinks(now: Properties, planned: Properties) -> str | None:
    """The words of Cloud SQL: https://github.com/pulumi/pulumi-gcp/issues/549"""
    before, after = ((settings.get("settings") or {}).get("diskSize") for settings in (now, planned))
    if isinstance(before, (int, float)) and isinstance(after, (int, float)) and after < before:
        return f"the disk size cannot decrease. Current size: {before:g} GB, requested: {after:g} GB"
    return None
