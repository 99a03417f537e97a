"""Secret Manager."""

from fastyle_localcloud.provider.vocabulary import (
    Reference,
    Rules,
    at_most_one,
    exactly_one,
    grant,
    labels,
    matches,
    needs,
)

RULES = {
    "secretmanager.Secret": Rules(
        id="projects/{project}/secrets/{secretId}",
        replaces=("replication",),
        checks=(
            matches("secretId", r"[A-Za-z0-9_-]{1,255}", "is not a secret id: letters, digits, _ and -"),
            labels(),
            exactly_one("replication", "auto", "userManaged"),
            at_most_one("", "ttl", "expireTime"),
        ),
        outputs={"name": "projects/{_number}/secrets/{secretId}"},
    ),
    "secretmanager.SecretVersion": Rules(
        # The version's number is the cloud's to choose; the handler says which it became.
        id="{secret}/versions/1",
        replaces=("secretData", "secretDataWoVersion"),
        checks=(exactly_one("", "secretData", "secretDataWo"), needs("", "secretDataWo", "secretDataWoVersion")),
        defaults={"enabled": True},
        outputs={"version": "1", "name": "{id}"},
        references=(Reference("secret", "secretmanager.Secret"),),
        owner=Reference("secret", "secretmanager.Secret"),
        exclusive=False,
    ),
    "secretmanager.SecretIamMember": grant(
        "projects/{project}/secrets/{secretId}",
        references=(Reference("secretId", "secretmanager.Secret", "projects/{project}/secrets/{value}"),),
    ),
}
