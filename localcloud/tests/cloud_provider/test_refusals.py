"""What Google Cloud refuses because of something else that exists: networks in use, stopped databases, taken names."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest
from fastyle_localcloud.provider.errors import Refused
from fastyle_localcloud.provider.lifecycle import Lifecycle
from fastyle_localcloud.provider.records import Records
from fastyle_localcloud.provider.schema import token_of
from fastyle_localcloud.provider.settle import ProviderConfig
from fastyle_localcloud.provider.wire import Properties

CONFIG = ProviderConfig("p", "us-central1")
NETWORK = "projects/p/global/networks/shop"
INSTANCE: Properties = {
    "name": "shop",
    "region": "us-central1",
    "databaseVersion": "POSTGRES_17",
    "deletionProtection": False,
    "settings": {
        "tier": "db-f1-micro",
        "edition": "ENTERPRISE",
        "activationPolicy": "ALWAYS",
        "diskSize": 10,
        "ipConfiguration": {"ipv4Enabled": False, "privateNetwork": NETWORK},
    },
}


class Cloud:
    """The provider's resources without an engine: every call is one of the provider's own operations."""

    def __init__(self) -> None:
        self.records = Records(":memory:")
        self._lifecycle = Lifecycle(None, self.records, {})

    def create(self, kind: str, logical: str = "one", /, **inputs: object) -> Properties:
        urn = f"urn:pulumi:scratch-x::fastyle::{token_of(kind)}::{logical}"
        return asyncio.run(self._lifecycle.create(urn, token_of(kind), inputs, set(), CONFIG))

    def update(self, kind: str, old: Properties, **changes: object) -> Properties:
        urn, token = f"urn:pulumi:scratch-x::fastyle::{token_of(kind)}::one", token_of(kind)
        inputs = {key: value for key, value in old.items() if key != "id"} | changes
        return asyncio.run(self._lifecycle.update(urn, token, old, inputs, set(), CONFIG))

    def delete(self, kind: str, state: Properties) -> None:
        urn = f"urn:pulumi:scratch-x::fastyle::{token_of(kind)}::one"
        asyncio.run(self._lifecycle.delete(urn, token_of(kind), state["id"], state))

    def exists(self, kind: str) -> bool:
        return bool(self.records.all(token_of(kind)))

    def set_instance(self, **settings: object) -> None:
        """What happens to the instance behind Pulumi's back."""
        token = token_of("sql.DatabaseInstance")
        record = self.records.get(token, "shop")
        assert record is not None
        outputs = {**record.outputs, "settings": {**record.outputs["settings"], **settings}}
        self.records.put(dataclasses.replace(record, outputs=outputs))


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


def peering(cloud: Cloud, logical: str = "one", **inputs: object) -> Properties:
    service = "servicenetworking.googleapis.com"
    return cloud.create(
        "servicenetworking.Connection", logical, network=NETWORK, service=service, reservedPeeringRanges=["r"], **inputs
    )


def test_a_network_with_an_abandoned_peering_cannot_be_deleted(cloud: Cloud) -> None:
    network = cloud.create("compute.Network", name="shop")
    cloud.delete("servicenetworking.Connection", peering(cloud, deletionPolicy="ABANDON"))
    with pytest.raises(Refused, match=r"networks/shop is in use by servicenetworking.Connection .* abandoned"):
        cloud.delete("compute.Network", network)
    assert cloud.exists("compute.Network")


def test_a_network_goes_once_its_peering_was_removed(cloud: Cloud) -> None:
    network = cloud.create("compute.Network", name="shop")
    connection = peering(cloud, deletionPolicy="REMOVE_PEERING")
    cloud.create("sql.DatabaseInstance", **INSTANCE)
    cloud.delete("servicenetworking.Connection", connection)
    cloud.delete("compute.Network", network)
    assert not cloud.exists("compute.Network")


@pytest.mark.parametrize(
    ("kind", "inputs"),
    [
        ("compute.Subnetwork", {"name": "s", "ipCidrRange": "10.0.0.0/24", "network": NETWORK}),
        ("compute.Router", {"name": "r", "network": NETWORK}),
        ("compute.GlobalAddress", {"name": "a", "network": NETWORK}),
    ],
)
def test_a_network_in_use_cannot_be_deleted(cloud: Cloud, kind: str, inputs: Properties) -> None:
    network = cloud.create("compute.Network", name="shop")
    user = cloud.create(kind, **inputs)
    with pytest.raises(Refused, match=f"networks/shop is in use by {kind}"):
        cloud.delete("compute.Network", network)
    cloud.delete(kind, user)
    cloud.delete("compute.Network", network)


def test_a_connection_that_a_database_uses_is_not_simply_deleted(cloud: Cloud) -> None:
    cloud.create("compute.Network", name="shop")
    connection = peering(cloud, deletionPolicy="DELETE")
    cloud.create("sql.DatabaseInstance", **INSTANCE)
    with pytest.raises(Refused, match=r"in use by sql\.DatabaseInstance shop"):
        cloud.delete("servicenetworking.Connection", connection)


def test_a_peering_that_exists_is_taken_over_on_demand_only(cloud: Cloud) -> None:
    cloud.create("compute.Network", name="shop")
    cloud.delete("servicenetworking.Connection", peering(cloud, deletionPolicy="ABANDON"))
    with pytest.raises(Refused, match="already exists: it was abandoned"):
        peering(cloud)
    peering(cloud, updateOnCreationFail=True)


def test_databases_and_users_of_a_stopped_instance_are_left_alone(cloud: Cloud) -> None:
    cloud.create("sql.DatabaseInstance", **INSTANCE)
    database = cloud.create("sql.Database", name="shop", instance="shop")
    cloud.set_instance(activationPolicy="NEVER")
    with pytest.raises(Refused, match=r"instance shop is not running .*start it"):
        cloud.delete("sql.Database", database)
    with pytest.raises(Refused, match=r"instance shop is not running"):
        cloud.create("sql.User", name="api@p.iam", instance="shop", type="CLOUD_IAM_SERVICE_ACCOUNT")
    abandoned = cloud.update("sql.Database", database, deletionPolicy="ABANDON")  # no call to the instance
    cloud.delete("sql.Database", abandoned)
    assert cloud.exists("sql.Database")


def test_a_stopped_instance_takes_its_databases_and_users_along(cloud: Cloud) -> None:
    instance = cloud.create("sql.DatabaseInstance", **INSTANCE)
    database = cloud.create("sql.Database", name="shop", instance="shop", deletionPolicy="ABANDON")
    cloud.set_instance(activationPolicy="NEVER")
    cloud.delete("sql.Database", database)
    cloud.delete("sql.DatabaseInstance", instance)
    assert not cloud.exists("sql.Database")


def test_a_disk_never_shrinks(cloud: Cloud) -> None:
    instance = cloud.create("sql.DatabaseInstance", **INSTANCE)
    cloud.set_instance(diskSize=15)
    with pytest.raises(Refused, match=r"the disk size cannot decrease\. Current size: 15 GB, requested: 10 GB"):
        cloud.update("sql.DatabaseInstance", instance, settings={**INSTANCE["settings"], "availabilityType": "ZONAL"})


def test_an_account_that_exists_is_taken_over_on_demand_only(cloud: Cloud) -> None:
    cloud.create("serviceaccount.Account", accountId="pos-api")
    with pytest.raises(Refused, match="already exists"):
        cloud.create("serviceaccount.Account", "two", accountId="pos-api")
    taken = cloud.create("serviceaccount.Account", "two", accountId="pos-api", createIgnoreAlreadyExists=True)
    assert taken["email"] == "pos-api@p.iam.gserviceaccount.com"


def test_what_a_killed_update_left_is_refused_as_in_google_cloud(cloud: Cloud) -> None:
    """The same resource of the same stack: Pulumi's state lost it."""
    cloud.create("pubsub.Topic", name="sales")
    with pytest.raises(Refused, match="already exists"):
        cloud.create("pubsub.Topic", name="sales")
