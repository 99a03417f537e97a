"""Cloud KMS: active key versions by the month, cryptographic operations by their number."""

from __future__ import annotations

from decimal import Decimal

from fastyle_policies.model import seconds
from fastyle_policies.pricing.lines import DAYS, amount
from fastyle_policies.pricing.services.base import Bill, NotPricedError, Usage, prices, text, usage_key

KEY = "gcp:kms/cryptoKey:CryptoKey"
DAY = Decimal(86400)
# Keys of an external manager cost the same over the internet and over a VPC; those of an HSM by their algorithm, too.
_FAMILIES = {"SOFTWARE": "software", "HSM": "hsm", "EXTERNAL": "external", "EXTERNAL_VPC": "external"}


class KeyUsage(Usage):
    active_versions: Decimal | None = usage_key(
        "versions that are not destroyed; one, and those of a year's rotation, when absent", default=None
    )
    monthly_operations: Decimal = usage_key("encryptions, decryptions, signatures")


@prices(KEY)
def key(bill: Bill, usage: KeyUsage) -> None:
    level = str(bill.value("versionTemplate.protectionLevel", "SOFTWARE"))
    algorithm = str(bill.value("versionTemplate.algorithm", "GOOGLE_SYMMETRIC_ENCRYPTION"))
    if level not in _FAMILIES:
        raise NotPricedError(f"the price book has no rates for protection level {level[:40]}")
    versions, words = _versions(bill, usage)
    cheap = algorithm.startswith(("GOOGLE_SYMMETRIC", "AES", "HMAC")) or "_2048_" in algorithm
    family = "hsm-symmetric" if level == "HSM" and cheap else _FAMILIES[level]
    bill.add(f"kms.{family}-version", versions, words, name=f"Key versions, {level}")
    bill.used(f"kms.{family}-operations", usage.monthly_operations, "operations", name="Operations")


def _versions(bill: Bill, usage: KeyUsage) -> tuple[Decimal, str]:
    """Versions that are kept: rotation adds one each period and destroys none."""
    if usage.active_versions is not None:
        return usage.active_versions, f"{text(usage.active_versions)} versions"
    days = amount(seconds(bill.get("rotationPeriod")) or 0) / DAY
    if days < 1:
        return Decimal(1), "1 version"
    further = DAYS * 12 / days
    bill.note("rotation adds versions that are all billed; reckoned after one year, give active_versions for another")
    return 1 + further, f"1 version + {text(further)} of a year's rotation every {text(days)} days"
