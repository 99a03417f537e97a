"""A second stack beside `stack`: the same program with a stream, a mart and a business of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import yaml

from tests.conftest import processes_of
from tests.support.checkout import Checkout
from tests.support.configuration import configuration

TOPIC, MART = "price-changes", "sales_by_location"
BUSINESS = ("gcp:region", "fastyle:brand", "fastyle:locale", "fastyle:timezone", "fastyle:currency")


@pytest.fixture(scope="session")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A copy of the checkout with a third stream, a mart more, and the business of `Pulumi.europe.yaml`, brought up once.

    Tests that need a stack and not the shipped configuration use it, so that two workers share what is done to stacks.
    """
    copy = Checkout.copy_to(tmp_path_factory.mktemp("grown"))
    copy.set_up()
    copy.fastyle("new", "stream", TOPIC, "--history")
    copy.fastyle("new", "mart", MART)
    europe = configuration("europe")
    path = copy.root / "Pulumi.local.yaml"
    stack = yaml.safe_load(path.read_text(encoding="utf-8"))
    stack["config"] |= {key: europe[key] for key in BUSINESS}
    stack["config"]["fastyle:simulator"] |= {"catalogue": europe["fastyle:simulator"]["catalogue"]}
    path.write_text(yaml.safe_dump(stack), encoding="utf-8")
    products = copy.root / "ops" / "data" / europe["fastyle:simulator"]["catalogue"] / "products.csv"
    header, *rows = products.read_text(encoding="utf-8").splitlines()
    kept = set(list(dict.fromkeys(row.partition(",")[0] for row in rows))[::8])  # an eighth of the opening stock, too
    products.write_text("\n".join([header, *(r for r in rows if r.partition(",")[0] in kept)]), encoding="utf-8")
    policies = copy.root / "policies" / "config"
    local, allowed = (
        json.loads((policies / f"{name}.json").read_text(encoding="utf-8")) for name in ("local", "europe")
    )
    (policies / "local.json").write_text(json.dumps(local | {"region-allowed": allowed["region-allowed"]}))
    copy.make("up")
    yield copy
    copy.stop()
    assert processes_of(copy) == []
